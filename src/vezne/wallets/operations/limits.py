"""Limits: what a wallet may spend at once and in a day, how many credits it may hold, and how long credits and coins live.

A wallet's own limit of spending stands before its tenant's; neither reaches beyond the deployment's. Days are those of the
tenant's time zone. A day's spending is counted, under a lock of its own, only for wallets that have a daily limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache

from vezne.identity import settings_of
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import public_id
from vezne.kernel.settings import Settings
from vezne.wallets.models import Limits, Wallet
from vezne.wallets.queries.wallets import WalletDay
from vezne.wallets.refusals import (
    CreditLimitExceeded,
    CreditsInsufficient,
    DailyAmountExceeded,
    DailyTransactionsExceeded,
    InsufficientFunds,
    TransactionLimitExceeded,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a tenant says of its wallets: limits, the threshold of the low-balance event, and which day it is.

    `lives` is how long a lot lives when its grant does not say, by kind (absent: for ever), `most` what a wallet may hold.
    """

    tenant: Limits
    low_balance_minor: int | None
    today: date
    lives: Mapping[str, timedelta] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)

    def limits(self, wallet: Wallet) -> Limits:
        """What applies to this wallet."""
        own, tenant, most = wallet.limits, self.tenant, deployment_limits()
        if own == _NONE == tenant:
            return most
        return Limits(
            _strictest(_first(own.transaction_minor, tenant.transaction_minor), most.transaction_minor),
            _strictest(_first(own.daily_minor, tenant.daily_minor), most.daily_minor),
            _strictest(_first(own.daily_transactions, tenant.daily_transactions), most.daily_transactions),
        )

    def threshold(self, wallet: Wallet) -> int | None:
        """Below which balance the wallet is low; None: never."""
        return _first(wallet.low_balance_minor, self.low_balance_minor)

    def expiry(self, wallet: Wallet, granted_at: datetime) -> datetime | None:
        """When a lot granted then lapses, if its grant does not say."""
        life = self.lives.get(wallet.kind_name)
        return None if life is None else granted_at + life

    def ceiling(self, wallet: Wallet) -> int | None:
        """The most the wallet may hold; None: no limit."""
        return self.most.get(wallet.kind_name)


_NONE = Limits()


@cache
def deployment_limits() -> Limits:
    """The limits no tenant and no wallet can exceed, from MAX_TRANSACTION_AMOUNT and MAX_DAILY_TRANSACTIONS."""
    settings = Settings()
    return Limits(settings.max_transaction_amount, None, settings.max_daily_transactions)


@cache
def deployment_credits() -> tuple[int | None, int | None]:
    """Where the tenant does not say: the days credits live, and the most a wallet may hold of them."""
    settings = Settings()
    return settings.credit_expiry_days, settings.max_credit_balance


async def rules_of(tx: Tx) -> Rules:
    """The tenant's rules, now."""
    chosen = await settings_of(tx)
    tenant = Limits(chosen.max_transaction_amount, None, chosen.max_daily_transactions)
    days, most = deployment_credits()
    lives = {"credits": _first(chosen.credit_expiry_days, days), "coins": chosen.coin_expiry_days}
    ceiling = _first(chosen.max_credit_balance, most)
    return Rules(
        tenant,
        chosen.low_balance_minor,
        tx.now.astimezone(chosen.zone).date(),
        {kind: timedelta(days=life) for kind, life in lives.items() if life is not None},
        {} if ceiling is None else {"credits": ceiling},
    )


def above_ceiling(wallet: Wallet, ceiling: int | None, amount: int, after: int) -> CreditLimitExceeded | None:
    """Why `amount` more, which makes it `after`, is more than the wallet may hold, or None."""
    if ceiling is None or after <= ceiling:
        return None
    return CreditLimitExceeded(
        loc=("body", "amount_minor"),
        wallet_id=public_id("wal", wallet.id),
        limit_minor=ceiling,
        currency=wallet.currency,
        amount_minor=amount,
        balance_minor=after,
    )


def short_of(wallet: Wallet, available: int, amount: int) -> InsufficientFunds:
    """The refusal of `amount` minor units where the wallet can give no more than `available`; credits have one of their own."""
    refusal = CreditsInsufficient if wallet.kind_name == "credits" else InsufficientFunds
    return refusal(
        wallet_id=public_id("wal", wallet.id), available_minor=available, currency=wallet.currency, amount_minor=amount
    )


def transaction_refusal(wallet: Wallet, limits: Limits, amount: int) -> Refusal | None:
    """Why the wallet may not spend `amount` minor units at once, or None."""
    most = limits.transaction_minor
    if most is None or amount <= most:
        return None
    return TransactionLimitExceeded(wallet_id=public_id("wal", wallet.id), limit_minor=most, currency=wallet.currency)


def daily_refusal(wallet: Wallet, limits: Limits, day: WalletDay, amount: int) -> Refusal | None:
    """Why the wallet may not spend `amount` minor units today, or None."""
    shown = public_id("wal", wallet.id)
    if limits.daily_transactions is not None and day.transactions >= limits.daily_transactions:
        return DailyTransactionsExceeded(wallet_id=shown, limit=limits.daily_transactions)
    if limits.daily_minor is not None and day.amount_minor + amount > limits.daily_minor:
        return DailyAmountExceeded(
            wallet_id=shown, limit_minor=limits.daily_minor, spent_minor=day.amount_minor, currency=wallet.currency
        )
    return None


def _first(own: int | None, other: int | None) -> int | None:
    return other if own is None else own


def _strictest(chosen: int | None, most: int | None) -> int | None:
    if chosen is None or most is None:
        return _first(chosen, most)
    return min(chosen, most)
