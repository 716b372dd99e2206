"""Stored value that pays: chosen and held when an order is placed, captured when the rest is paid, and given back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from vezne import identity, ledger, wallets
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money, currency_is_unit
from vezne.orders import queries_tenders
from vezne.orders.asked import CoinsTender, ProviderTender, Tenders, WalletTender
from vezne.orders.lines import Priced
from vezne.orders.models import Order, Tender

BEYOND = timedelta(minutes=10)
"""How much longer stored value is held than its order may be paid: money may come in the last moment."""
REDEEMED, REDEMPTION = "coins_redeemed", "coin_redemption"


class TenderNotAccepted(Invalid):
    """{description} cannot be paid with {kind}."""


class TenderTooLarge(Invalid):
    """{amount_minor} is more than the {left_minor} {currency} (minor units) that are left to pay."""


class TenderTwice(Invalid):
    """Each wallet, and the provider, is named once."""


class TenderOfOtherKind(Invalid):
    """Wallet {wallet_id} is one of {kind}; name coins as coins, and anything else as a wallet."""


class CoinsPayNothing(Invalid):
    """Coins pay nothing here: their value was not set."""


class RestUnpayable(Invalid):
    """{left_minor} {currency} would be left to pay, which no provider takes: name wallets that cover all."""


@dataclass(slots=True)
class _Choosing:
    """What is left to pay while tenders are chosen one after the other."""

    order_id: UUID
    customer_id: UUID
    currency: str
    left: int
    priced: Sequence[Priced]
    coin_value: int | None
    chosen: list[Tender]

    def add(self, wallet: wallets.Wallet, amount: int, units: int, loc: tuple[str | int, ...]) -> None:
        for priced in self.priced:
            if wallet.kind_name not in priced.accepts:
                raise TenderNotAccepted(loc=(*loc, "kind"), description=priced.description, kind=wallet.kind_name)
        if amount > self.left:
            raise TenderTooLarge(loc=loc, amount_minor=amount, left_minor=self.left, currency=self.currency)
        if any(tender.wallet_id == wallet.id for tender in self.chosen):
            raise TenderTwice(loc=loc)
        if amount:
            kind = "coins" if wallet.kind_name == "coins" else "wallet"
            self.chosen.append(_tender(self, kind, amount, units, wallet.id))
            self.left -= amount


def _tender(choosing: _Choosing, kind: str, amount: int, units: int, wallet_id: UUID | None) -> Tender:
    return Tender(
        id=new_id(),
        order_id=choosing.order_id,
        number=len(choosing.chosen) + 1,
        kind="provider" if kind == "provider" else "coins" if kind == "coins" else "wallet",
        status="waiting",
        amount_minor=amount,
        currency=choosing.currency,
        refunded_minor=0,
        wallet_id=wallet_id,
        units=units,
        refunded_units=0,
        hold_id=None,
        transaction_id=None,
    )


async def choose(
    tx: Tx, order_id: UUID, customer_id: UUID, total: Money, priced: Sequence[Priced], asked: Tenders
) -> list[Tender]:
    """The tenders that make `total`: those asked for, in their order, and a provider's for the rest. Nothing is held yet.

    Raises WalletMissing, TenderNotAccepted, TenderTooLarge, TenderTwice, TenderOfOtherKind, CoinsPayNothing, RestUnpayable.
    """
    settings = await identity.settings_of(tx)
    choosing = _Choosing(order_id, customer_id, total.currency, total.minor, priced, settings.coin_value_minor, [])
    for index, tender in enumerate(asked):
        loc = ("body", "tenders", index)
        if isinstance(tender, WalletTender):
            await _add_wallet(tx, choosing, tender, loc)
        elif isinstance(tender, CoinsTender):
            await _add_coins(tx, choosing, tender, loc)
        elif any(isinstance(other, ProviderTender) for other in asked[:index]):
            raise TenderTwice(loc=loc)
    if choosing.left:
        if currency_is_unit(total.currency):
            raise RestUnpayable(loc=("body", "tenders"), left_minor=choosing.left, currency=total.currency)
        choosing.chosen.append(_tender(choosing, "provider", choosing.left, choosing.left, None))
    return choosing.chosen


async def _add_wallet(tx: Tx, choosing: _Choosing, asked: WalletTender, loc: tuple[str | int, ...]) -> None:
    if asked.wallet_id is None:
        kind: wallets.KindName = "credits" if currency_is_unit(choosing.currency) else "money"
        wallet = await wallets.wallet_of(tx, choosing.customer_id, kind, choosing.currency)
    else:
        wallet = await _own(tx, choosing, asked.wallet_id)
    if wallet.kind_name == "coins" or wallet.currency != choosing.currency:
        shown = f"{wallet.kind_name} in {wallet.currency}"
        raise TenderOfOtherKind(loc=(*loc, "wallet_id"), wallet_id=public_id("wal", wallet.id), kind=shown)
    amount = choosing.left if asked.amount_minor is None else asked.amount_minor
    choosing.add(wallet, amount, amount, loc)


async def _add_coins(tx: Tx, choosing: _Choosing, asked: CoinsTender, loc: tuple[str | int, ...]) -> None:
    if choosing.coin_value is None:
        raise CoinsPayNothing(loc=(*loc, "kind"))
    wallet = await _own(tx, choosing, asked.wallet_id)
    if wallet.kind_name != "coins":
        raise TenderOfOtherKind(loc=(*loc, "wallet_id"), wallet_id=public_id("wal", wallet.id), kind=wallet.kind_name)
    coins = choosing.left // choosing.coin_value if asked.coins is None else asked.coins
    choosing.add(wallet, coins * choosing.coin_value, coins, loc)


async def _own(tx: Tx, choosing: _Choosing, wallet_id: UUID) -> wallets.Wallet:
    found = await wallets.wallet(tx, wallet_id)
    if found.customer_id != choosing.customer_id:
        raise wallets.WalletMissing(wallet_id=public_id("wal", wallet_id))
    return found


async def hold(tx: Tx, order: Order, tenders: Sequence[Tender], until: datetime) -> list[Tender]:
    """Hold what is stored value until a little after `until`. Raises what a wallet refuses with."""
    held: list[Tender] = []
    for tender in tenders:
        if tender.wallet_id is not None:
            wallet = await wallets.wallet(tx, tender.wallet_id)
            with _named(tender):
                placed = await wallets.hold(
                    tx,
                    wallet.id,
                    Money(tender.units, wallet.currency),
                    expires_at=until + BEYOND,
                    reference=_reference(order),
                    description="Order",
                )
            held.append(replace(tender, hold_id=placed.id))
        else:
            held.append(tender)
    return held


@contextmanager
def _named(tender: Tender) -> Iterator[None]:
    """A wallet that refuses is shown by the tender that names it."""
    try:
        yield
    except wallets.InsufficientFunds as refusal:
        refusal.loc = ("body", "tenders", tender.number - 1)
        raise


def _reference(order: Order) -> wallets.Reference:
    return wallets.Reference("order", public_id("ord", order.id))


async def extend(tx: Tx, tenders: Sequence[Tender], until: datetime) -> None:
    """Hold it longer, because the rest is being paid."""
    for tender in tenders:
        if tender.hold_id is not None and tender.status == "waiting":
            await wallets.extend(tx, tender.hold_id, until + BEYOND)


async def release(tx: Tx, order: Order, tenders: Sequence[Tender]) -> None:
    """Give free what is held. Again: nothing."""
    for tender in tenders:
        if tender.hold_id is not None and tender.status == "waiting":
            held = await wallets.hold_of(tx, tender.hold_id)
            if held.status == "open":
                await wallets.release(tx, tender.hold_id, late=True)
    await queries_tenders.update_released(tx, order.id)


async def capture(tx: Tx, order: Order, tenders: Sequence[Tender]) -> None:
    """Take everything that pays into `unapplied`; the provider's money is there already. Raises what a wallet refuses with.

    What is no longer held is taken all the same, if it is still there.
    """
    for tender in tenders:
        if tender.wallet_id is None:
            await queries_tenders.update_captured(tx, tender.id, hold_id=None, transaction_id=None)
            continue
        taken = await _take(tx, order, tender, tender.wallet_id)
        await queries_tenders.update_captured(tx, tender.id, hold_id=tender.hold_id, transaction_id=taken.id)
        if tender.kind == "coins":
            await _post_worth(tx, tender, tender.amount_minor, "coins.redeemed", f"tender:{tender.id}:redeemed")


async def _take(tx: Tx, order: Order, tender: Tender, wallet_id: UUID) -> wallets.WalletTransaction:
    contra = REDEEMED if tender.kind == "coins" else "unapplied"
    if tender.hold_id is not None and (await wallets.hold_of(tx, tender.hold_id)).status == "open":
        return (await wallets.capture(tx, tender.hold_id, contra=contra, late=True))[1]
    wallet = await wallets.wallet(tx, wallet_id)
    amount = Money(tender.units, wallet.currency)
    taken = wallets.Debit(wallet_id=wallet_id, amount=amount, reference=_reference(order), description="Order", contra=contra)
    with _named(tender):
        return await wallets.debit(tx, taken)


async def give_back(tx: Tx, tender: Tender, amount_minor: int, cause: str) -> None:
    """Put `amount_minor` of what a wallet or coins have paid back where it came from, into the very lots.

    Coins come back whole; what is less than one waits for the next refund, the last of which brings all. Raises what a wallet
    refuses with.
    """
    units = tender.units_back(amount_minor)
    if units and tender.transaction_id is not None:
        reference = wallets.Reference("refund", cause)
        await wallets.refund(tx, tender.transaction_id, units, reference=reference, description="Refund")
    if tender.kind == "coins":
        await _post_worth(tx, tender, -amount_minor, "coins.returned", f"tender:{tender.id}:{cause}")
    await queries_tenders.update_tender_refunded(tx, tender.id, amount_minor, units)


async def _post_worth(tx: Tx, tender: Tender, amount_minor: int, kind: str, reference: str) -> None:
    """What coins are worth becomes money of the order: `coin_redemption` → `unapplied`."""
    redemption = await ledger.house_account(tx, REDEMPTION, tender.currency)
    unapplied = await ledger.house_account(tx, "unapplied", tender.currency)
    postings = (ledger.Posting(redemption, -amount_minor), ledger.Posting(unapplied, amount_minor))
    (posted,) = await ledger.post(tx, [ledger.Entry(new_id(), kind, postings, reference=reference)])
    if isinstance(posted, ledger.Refused):
        raise posted.error
