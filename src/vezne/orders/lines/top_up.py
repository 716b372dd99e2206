"""Money put into a wallet of the customer's: the first thing money can buy here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from vezne import wallets
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, Invalid
from vezne.kernel.ids import PublicId, parse_id, public_id
from vezne.kernel.money import AmountMinor, Currency, CurrencyMismatch, Money
from vezne.orders.lines.base import Details, Priced
from vezne.orders.models import Line, Seats, Snapshot

KIND = "top_up"
WalletId = Annotated[UUID, PublicId("wal")]


class WalletNotTopUp(Invalid):
    """Wallet {wallet_id} is of kind {kind}; only money is topped up."""


class WalletShut(Conflict):
    """Wallet {wallet_id} is {status}; it cannot be topped up."""


class TopUpDetails(Details):
    """A top-up of the customer's money wallet in `currency`, or of the wallet that is named."""

    kind: Literal["top_up"] = "top_up"
    wallet_id: WalletId | None = Field(None, description="the wallet; without it the customer's money wallet of the currency")
    amount_minor: AmountMinor
    currency: Currency


class TopUp:
    """Fulfilled by a credit to the wallet out of `unapplied`, undone by a debit of it back into `unapplied`."""

    name = KIND
    is_scarce = False

    async def price(self, tx: Tx, customer_id: UUID, asked: TopUpDetails, _currency: str) -> Priced:
        """A top-up costs what it puts in, and only a provider can pay it.

        Raises WalletMissing for another customer's wallet, WalletNotTopUp, WalletShut, CurrencyMismatch, CurrencyNotOfKind.
        """
        if asked.wallet_id is None:
            wallet = await wallets.wallet_of(tx, customer_id, "money", asked.currency)
        else:
            wallet = await wallets.wallet(tx, asked.wallet_id)
        shown = public_id("wal", wallet.id)
        if wallet.customer_id != customer_id:
            raise wallets.WalletMissing(wallet_id=shown)
        if wallet.kind_name != "money":
            raise WalletNotTopUp(loc=("body", "wallet_id"), wallet_id=shown, kind=wallet.kind_name)
        if wallet.currency != asked.currency:
            raise CurrencyMismatch(loc=("body", "currency"), left=wallet.currency, right=asked.currency)
        if wallet.status == "closed":
            raise WalletShut(wallet_id=shown, status=wallet.status)
        amount = Money(asked.amount_minor, asked.currency)
        return Priced(amount=amount, description="Top-up", details={"wallet_id": shown}, discountable=False)

    async def discounted(self, _tx: Tx, _priced: Priced, _discount: Money, _trial_days: int) -> Priced:
        """Never: it gives what it costs, and money is not sold for less."""
        raise ValueError("a top-up has no discount")

    async def hold(self, _tx: Tx, _line: Line, _customer_id: UUID, _until: datetime) -> Mapping[str, Any]:
        """There is always room in a wallet."""
        return {}

    async def extend(self, _tx: Tx, _line: Line, _until: datetime) -> None:
        """Nothing is kept."""

    async def release(self, _tx: Tx, _line: Line) -> None:
        """Nothing is kept."""

    def snapshot(self, _line: Line, _taken_at: datetime) -> Snapshot | None:
        """A top-up costs what it puts in, and nobody has a share in it."""
        return None

    async def fulfil(self, tx: Tx, line: Line, amount: Money, cause: str) -> None:
        """Put the money into the wallet. Raises what the wallet refuses with."""
        await wallets.credit(
            tx,
            wallets.Credit(
                wallet_id=_wallet_id(line),
                amount=amount,
                reference=wallets.Reference("top_up", cause),
                once=True,
                description=line.description,
                contra="unapplied",
            ),
        )

    async def undo(self, tx: Tx, line: Line, amount: Money, cause: str, _seats: Seats) -> None:
        """Take the money out of the wallet again. Raises InsufficientFunds when it has been spent."""
        if not amount.minor:
            return  # it was never put in
        await wallets.debit(
            tx,
            wallets.Debit(
                wallet_id=_wallet_id(line),
                amount=amount,
                reference=wallets.Reference("top_up", cause),
                once=True,
                description=f"{line.description}, refunded",
                contra="unapplied",
                unlimited=True,
            ),
        )


def _wallet_id(line: Line) -> UUID:
    return parse_id("wal", line.details["wallet_id"])
