"""Holds: value reserved now, taken or given free later.

A hold on a kind that keeps lots reserves the very lots it would take, so nobody else can spend them; they can still be
captured after their own expiry, as they were good when they were reserved. Given free, a lot that has lapsed stays lapsed.
The wallet's limits apply, and its day counts, when the hold is placed. Lock order: hold, day, ledger accounts.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.ledger import Entry, Posting, Refused
from vezne.wallets import events
from vezne.wallets.models import HoldStatus, Reference, Share, Wallet, WalletHold, WalletTransaction
from vezne.wallets.operations.history import transaction_of
from vezne.wallets.operations.limits import daily_refusal, rules_of, short_of, transaction_refusal
from vezne.wallets.operations.lots import LotBook
from vezne.wallets.operations.moves import explain, publish_low
from vezne.wallets.operations.wallets import wallet as wallet_by_id
from vezne.wallets.queries import holds as queries
from vezne.wallets.queries import lots as lot_queries
from vezne.wallets.queries import wallets as wallet_queries
from vezne.wallets.refusals import (
    AmountNotPositive,
    CaptureTooLarge,
    ExpiryNotAhead,
    HoldEnded,
    HoldMissing,
    WalletCurrencyDiffers,
)

DEFAULT_LIFE = timedelta(days=7)
LONGEST_LIFE = timedelta(days=90)


async def hold(
    tx: Tx,
    wallet_id: UUID,
    amount: Money,
    *,
    expires_at: datetime | None = None,
    reference: Reference | None = None,
    description: str = "",
    metadata: Mapping[str, str] | None = None,
) -> WalletHold:
    """Reserve `amount`, until `expires_at` (default: DEFAULT_LIFE from now): it stays in the balance but cannot be spent.

    Raises WalletMissing, WalletCurrencyDiffers, InsufficientFunds, WalletFrozen, WalletClosed, the limits' refusals,
    ExpiryNotAhead.
    """
    until = expires_at or tx.now + DEFAULT_LIFE
    if not tx.now < until <= tx.now + LONGEST_LIFE:
        raise ExpiryNotAhead(loc=("body", "expires_at"), days=LONGEST_LIFE.days)
    wallet = await wallet_by_id(tx, wallet_id)
    if amount.minor <= 0:
        raise AmountNotPositive(loc=("body", "amount_minor"))
    if amount.currency != wallet.currency:
        shown = public_id("wal", wallet_id)
        raise WalletCurrencyDiffers(loc=("body", "currency"), wallet_id=shown, expected=wallet.currency, currency=amount.currency)
    spend_day = await _day_allows(tx, wallet, amount.minor)
    shares = await _reserve(tx, wallet, amount.minor)
    await spend_day()
    placed = WalletHold(new_id(), wallet_id, "open", amount, 0, 0, reference, description, metadata or {}, tx.now, until)
    await queries.insert_hold(tx, placed, shares)
    await tx.publish(
        events.HoldPlaced(
            hold_id=placed.id, wallet_id=wallet_id, amount_minor=amount.minor, currency=amount.currency, expires_at=until
        )
    )
    return placed


async def extend(tx: Tx, hold_id: UUID, until: datetime) -> WalletHold:
    """Keep what is held until then, never a shorter time; at most LONGEST_LIFE from now. Of an ended hold: nothing.

    One whose time has run out, while nobody has ended it, lives on. Raises HoldMissing.
    """
    held = await queries.lock_hold(tx, hold_id)
    if held is None:
        raise HoldMissing(hold_id=public_id("hld", hold_id))
    until = min(until, tx.now + LONGEST_LIFE)
    if held.status != "open" or until <= held.expires_at:
        return held
    await queries.update_expiry(tx, hold_id, until)
    return replace(held, expires_at=until)


async def capture(
    tx: Tx, hold_id: UUID, amount_minor: int | None = None, *, final: bool = True, contra: str = "revenue", late: bool = False
) -> tuple[WalletHold, WalletTransaction]:
    """Take `amount_minor` (default: all) of what is held; `final` gives the rest free, else it stays held.

    Raises HoldMissing, HoldEnded (also when its time has run out, unless `late`), CaptureTooLarge, WalletFrozen.
    """
    held = await _lock_open(tx, hold_id, late=late)
    amount = held.remaining_minor if amount_minor is None else amount_minor
    if amount <= 0:
        raise AmountNotPositive(loc=("body", "amount_minor"))
    if amount > held.remaining_minor:
        raise CaptureTooLarge(
            loc=("body", "amount_minor"),
            hold_id=public_id("hld", hold_id),
            remaining_minor=held.remaining_minor,
            amount_minor=amount,
        )
    wallet = await wallet_by_id(tx, held.wallet_id)
    freed = held.remaining_minor if final else amount
    transaction = await _post_capture(tx, held, wallet, amount, freed, contra)
    after = _moved_on(held, captured=amount, released=freed - amount, ended="captured")
    await queries.update_holds(tx, [after])
    await tx.publish(
        events.HoldCaptured(
            hold_id=hold_id,
            wallet_id=wallet.id,
            transaction_id=transaction.id,
            amount_minor=amount,
            remaining_minor=after.remaining_minor,
            currency=wallet.currency,
        )
    )
    await publish_low(tx, await rules_of(tx), wallet, transaction)
    return after, transaction


async def release(tx: Tx, hold_id: UUID, *, late: bool = False) -> WalletHold:
    """Give free what is still held. A hold released before is answered as it is.

    Raises HoldMissing, HoldEnded (also when its time has run out, unless `late`).
    """
    held = await queries.lock_hold(tx, hold_id)
    if held is not None and held.status == "released":
        return held
    (after,) = await _give_free(tx, [await _lock_open(tx, hold_id, late=late)], "released")
    return after


async def expire_holds(tx: Tx, limit: int = 500) -> int:
    """End holds whose time has run out, at most `limit` of them; how many those were. Again: the next ones."""
    lapsed = await queries.lock_lapsed_holds(tx, limit)
    if lapsed:
        await _give_free(tx, lapsed, "expired")
    return len(lapsed)


async def hold_of(tx: Tx, hold_id: UUID) -> WalletHold:
    """One hold. Raises HoldMissing."""
    found = await queries.select_hold(tx, hold_id)
    if found is None:
        raise HoldMissing(hold_id=public_id("hld", hold_id))
    return found


async def holds_page(
    tx: Tx, wallet_id: UUID, *, status: HoldStatus | None = None, before: UUID | None = None, limit: int
) -> list[WalletHold]:
    """At most `limit` holds of a wallet, newest first, older than `before`."""
    return await queries.select_page(tx, wallet_id=wallet_id, status=status, before=before, limit=limit)


async def _day_allows(tx: Tx, wallet: Wallet, amount: int) -> Callable[[], Awaitable[None]]:
    """Raise what the wallet's limits say against `amount`; else how to count it."""
    rules = await rules_of(tx)
    limits = rules.limits(wallet)
    days = await wallet_queries.lock_days(tx, [wallet.id], rules.today) if limits.daily else {}
    refusal = transaction_refusal(wallet, limits, amount)
    for day in days.values():
        refusal = refusal or daily_refusal(wallet, limits, day, amount)
        day.transactions += 1
        day.amount_minor += amount
    if refusal is not None:
        raise refusal

    async def count() -> None:
        if days:
            await wallet_queries.update_days(tx, rules.today, list(days.values()))

    return count


async def _reserve(tx: Tx, wallet: Wallet, amount: int) -> list[Share]:
    """Hold back in the ledger, and, where there are lots, which of them; the lock on the account guards the lots."""
    shares: list[Share] = []
    book = LotBook(tx.now)
    if wallet.kind.lots is not None:
        await ledger.lock(tx, [wallet.account])
        book = await LotBook.read(tx, [wallet])
        spendable = book.spendable(wallet.id)
        if spendable < amount:
            raise short_of(wallet, spendable, amount)
        shares = book.choose(wallet.id, amount)
    (answer,) = await ledger.hold(tx, [ledger.Hold(wallet.account, amount)])
    if isinstance(answer, Refused):
        raise await explain(tx, wallet, answer.error, amount)
    book.hold(shares)
    await book.write(tx)
    return shares


async def _lock_open(tx: Tx, hold_id: UUID, *, late: bool = False) -> WalletHold:
    held = await queries.lock_hold(tx, hold_id)
    shown = public_id("hld", hold_id)
    if held is None:
        raise HoldMissing(hold_id=shown)
    if held.status != "open":
        raise HoldEnded(hold_id=shown, status=held.status)
    if held.expires_at <= tx.now and not late:
        raise HoldEnded(hold_id=shown, status="expired")
    return held


async def _post_capture(tx: Tx, held: WalletHold, wallet: Wallet, amount: int, freed: int, contra: str) -> WalletTransaction:
    house = await ledger.house_account(tx, contra, wallet.currency)
    details: dict[str, object] = {"hold": public_id("hld", held.id), "metadata": held.metadata}
    if held.reference is not None:
        details["reference"] = {"type": held.reference.type, "id": held.reference.id}
    entry = Entry(
        new_id(),
        "capture",
        (Posting(wallet.account, -amount), Posting(house, amount)),
        (ledger.Hold(wallet.account, -freed),),
        None,
        held.description,
        details,
    )
    (answer,) = await ledger.post(tx, [entry])
    if isinstance(answer, Refused):
        raise await explain(tx, wallet, answer.error, amount)
    if wallet.kind.lots is not None:
        book = LotBook(tx.now)
        freed_shares = (await _let_go(tx, book, {held.id: freed}))[held.id]
        book.take(entry.id, _first(freed_shares, amount))
        await book.write(tx)
    record = ledger.EntryRecord(
        entry.id, entry.kind, None, entry.description, details, tx.principal.actor, answer.posted_at, answer.lines
    )
    return transaction_of(record, answer.line(wallet.account), wallet)


async def _give_free(tx: Tx, holds: Sequence[WalletHold], status: HoldStatus) -> list[WalletHold]:
    wallets = await wallet_queries.select_wallets(tx, list({held.wallet_id for held in holds}))
    freed = [ledger.Hold(wallets[held.wallet_id].account, -held.remaining_minor) for held in holds]
    for answer in await ledger.hold(tx, freed):
        if isinstance(answer, Refused):
            raise answer.error
    with_lots = {held.id: held.remaining_minor for held in holds if wallets[held.wallet_id].kind.lots is not None}
    if with_lots:
        book = LotBook(tx.now)
        await _let_go(tx, book, with_lots)
        await book.write(tx)
    after = [_moved_on(held, captured=0, released=held.remaining_minor, ended=status) for held in holds]
    await queries.update_holds(tx, after)
    fact = events.HoldReleased if status == "released" else events.HoldExpired
    for held in holds:
        await tx.publish(
            fact(
                hold_id=held.id,
                wallet_id=held.wallet_id,
                amount_minor=held.remaining_minor,
                currency=held.amount.currency,
            )
        )
    return after


async def _let_go(tx: Tx, book: LotBook, amounts: Mapping[UUID, int]) -> dict[UUID, list[Share]]:
    """Free so much of what each hold reserves of lots, in its order; which shares those are."""
    reserved = await queries.select_hold_lots(tx, list(amounts))
    lots = await lot_queries.select_lots(tx, list({lot_id for _, lot_id, _ in reserved}))
    wanted, left = dict(amounts), []
    freed: dict[UUID, list[Share]] = {hold_id: [] for hold_id in amounts}
    for hold_id, lot_id, amount in reserved:
        part = min(amount, wanted[hold_id])
        if part:
            wanted[hold_id] -= part
            freed[hold_id].append(Share(lots[lot_id], part))
            left.append((hold_id, lot_id, amount - part))
    for shares in freed.values():
        book.hold(shares, -1)
    await queries.update_hold_lots(tx, left)
    return freed


def _first(shares: Sequence[Share], amount: int) -> list[Share]:
    taken: list[Share] = []
    for share in shares:
        part = min(share.amount_minor, amount)
        if part:
            taken.append(Share(share.lot, part))
            amount -= part
    return taken


def _moved_on(held: WalletHold, *, captured: int, released: int, ended: HoldStatus) -> WalletHold:
    after = replace(held, captured_minor=held.captured_minor + captured, released_minor=held.released_minor + released)
    return after if after.remaining_minor else replace(after, status=ended)
