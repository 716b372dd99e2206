"""Settling what was sold, clawing it back when it is refunded, giving it again when the refund failed.

Each is done once for its cause, and again answers as before. A line's settlement is locked first, ledger accounts last.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from vezne import identity, ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.settlements.events import SettlementClawedBack, SettlementGivenAgain, SettlementMade
from vezne.settlements.models import ClawBack, Move, MoveKind, Sale, Settlement, reserve_of
from vezne.settlements.operations import booking
from vezne.settlements.queries import settlements as queries
from vezne.settlements.refusals import (
    CauseReused,
    ClawBackEmpty,
    ClawBackTooLarge,
    GivenAgainTooMuch,
    SettledOtherwise,
    UnknownSettlement,
)


async def settle(tx: Tx, sale: Sale) -> Settlement:
    """Give the payee its share and the platform its fee out of `unapplied`, part of the share kept back where the tenant says so.

    Once for each line: again answers the settlement as it stands. Raises SettledOtherwise when the line is settled for another
    payee or amount, BalanceTooLarge.
    """
    return (await settle_all(tx, [sale]))[0]


async def settle_all(tx: Tx, sales: Sequence[Sale]) -> list[Settlement]:
    """Settle several lines, as of one order, with one lock of all their accounts; see `settle`."""
    settings = await identity.settings_of(tx)
    day = tx.now.astimezone(settings.zone).date() + timedelta(days=settings.reserve_days)
    release_at = booking.day_begins(day, settings.zone) if settings.reserve_days else None
    settled: list[Settlement] = []
    made: list[Settlement] = []
    for sale in sales:
        new = _settlement(tx, sale, reserve_of(sale.share_minor, settings.reserve_rate), release_at)
        await booking.accounts_of(tx, sale.payee_id, sale.currency)
        if await queries.insert_settlement(tx, new):
            made.append(new)
            settled.append(new)
        else:
            settled.append(await _same(tx, sale))
    await _book(
        tx, [(each, _move(tx, each, "sale", "sale", each.gross_minor, each.share_minor, each.reserve_minor)) for each in made]
    )
    await tx.publish(*[_made(each) for each in made])
    return settled


async def claw_back(tx: Tx, line_id: UUID, amount_minor: int, cause: str, *, parts: int | None = None) -> ClawBack:
    """Take `amount_minor` of what was paid for the line back into `unapplied`: share and fee in proportion, the payee's part
    from its reserve first. The last part is exactly the rest. The payee may fall below zero, which is carried forward.

    Of a line that was paid nothing for, 0 takes so many of its `parts` back, or all. Once for each cause: again answers as
    before. Raises UnknownSettlement, ClawBackEmpty, ClawBackTooLarge, CauseReused.
    """
    settlement = await _lock(tx, line_id)
    known = await queries.select_move(tx, settlement.id, "claw_back", cause)
    if known is None:
        step = _step(settlement, amount_minor, parts)
        left = settlement.whole - settlement.clawed_minor
        if step > left or (not settlement.gross_minor and amount_minor):
            raise ClawBackTooLarge(
                line_id=public_id("oli", line_id),
                left_minor=left if settlement.gross_minor else 0,
                currency=settlement.currency,
                amount_minor=amount_minor,
            )
        known = await _shift(tx, settlement, "claw_back", cause, settlement.clawed_minor + step)
        await tx.publish(
            SettlementClawedBack(
                settlement_id=settlement.id,
                line_id=line_id,
                payee_id=settlement.payee_id,
                currency=settlement.currency,
                amount_minor=-known.gross_minor,
                share_minor=-known.share_minor,
                fee_minor=-known.fee_minor,
            )
        )
    _demand_same(known, -amount_minor, line_id)
    return _claw_back(settlement, known)


async def settle_more(tx: Tx, line_id: UUID, amount_minor: int, cause: str, *, parts: int | None = None) -> Settlement:
    """Give `amount_minor` that was clawed back again, as a refund that failed asks for: out of `unapplied`, in proportion;
    of a line that was paid nothing for, so many of its `parts`, or all.

    Once for each cause: again answers the settlement as it stands. Raises UnknownSettlement, ClawBackEmpty,
    GivenAgainTooMuch, CauseReused.
    """
    settlement = await _lock(tx, line_id)
    known = await queries.select_move(tx, settlement.id, "given_again", cause)
    if known is None:
        step = _step(settlement, amount_minor, parts)
        if step > settlement.clawed_minor or (not settlement.gross_minor and amount_minor):
            raise GivenAgainTooMuch(
                line_id=public_id("oli", line_id),
                clawed_minor=settlement.clawed_minor if settlement.gross_minor else 0,
                currency=settlement.currency,
                amount_minor=amount_minor,
            )
        known = await _shift(tx, settlement, "given_again", cause, settlement.clawed_minor - step)
        await tx.publish(
            SettlementGivenAgain(
                settlement_id=settlement.id,
                line_id=line_id,
                payee_id=settlement.payee_id,
                currency=settlement.currency,
                amount_minor=known.gross_minor,
                share_minor=known.share_minor,
                fee_minor=known.fee_minor,
            )
        )
    _demand_same(known, amount_minor, line_id)
    return await settlement_of(tx, line_id)


async def settlement_of(tx: Tx, line_id: UUID) -> Settlement:
    """The settlement of a line. Raises UnknownSettlement."""
    found = await queries.select_of_line(tx, line_id)
    if found is None:
        raise UnknownSettlement(line_id=public_id("oli", line_id))
    return found


def _settlement(tx: Tx, sale: Sale, reserve: int, release_at: datetime | None) -> Settlement:
    kept = reserve if release_at is not None else 0
    return Settlement(
        id=new_id(),
        line_id=sale.line_id,
        order_id=sale.order_id,
        payee_id=sale.payee_id,
        currency=sale.currency,
        gross_minor=sale.gross_minor,
        share_minor=sale.share_minor,
        fee_minor=sale.fee_minor,
        reserve_minor=kept,
        clawed_minor=0,
        clawed_share_minor=0,
        fee_rule_id=sale.fee_rule_id,
        fee_rule_version=sale.fee_rule_version,
        percentage=sale.percentage,
        description=sale.description,
        release_at=release_at if kept else None,
        released_at=None,
        created_at=tx.now,
        parts=sale.parts,
    )


async def _same(tx: Tx, sale: Sale) -> Settlement:
    found = await settlement_of(tx, sale.line_id)
    asked = (sale.payee_id, sale.currency, sale.gross_minor, sale.share_minor)
    if asked != (found.payee_id, found.currency, found.gross_minor, found.share_minor):
        raise SettledOtherwise(line_id=public_id("oli", sale.line_id))
    return found


def _made(made: Settlement) -> SettlementMade:
    return SettlementMade(
        settlement_id=made.id,
        line_id=made.line_id,
        order_id=made.order_id,
        payee_id=made.payee_id,
        currency=made.currency,
        gross_minor=made.gross_minor,
        share_minor=made.share_minor,
        fee_minor=made.fee_minor,
        reserve_minor=made.reserve_minor,
    )


async def _lock(tx: Tx, line_id: UUID) -> Settlement:
    found = await queries.lock_of_line(tx, line_id)
    if found is None:
        raise UnknownSettlement(line_id=public_id("oli", line_id))
    return found


def _step(settlement: Settlement, amount_minor: int, parts: int | None) -> int:
    """How far `clawed_minor` moves for an amount."""
    if not settlement.gross_minor and not amount_minor:
        return settlement.whole if parts is None else parts
    if amount_minor < 1:
        raise ClawBackEmpty(amount_minor=amount_minor)
    return amount_minor


async def _shift(tx: Tx, before: Settlement, kind: MoveKind, cause: str, clawed: int) -> Move:
    """Bring a locked settlement to where `clawed` of it is clawed back, and book what that changes."""
    after = replace(before, clawed_minor=clawed, clawed_share_minor=before.share_clawed_at(clawed))
    gross = before.clawed_minor - clawed if before.gross_minor else 0
    share = before.clawed_share_minor - after.clawed_share_minor
    move = _move(tx, before, kind, cause, gross, share, after.reserved_minor - before.reserved_minor)
    await queries.mark_clawed(tx, before.id, after.clawed_minor, after.clawed_share_minor)
    return (await _book(tx, [(before, move)]))[0]


def _move(tx: Tx, settlement: Settlement, kind: MoveKind, cause: str, gross: int, share: int, reserve: int) -> Move:
    return Move(
        id=new_id(),
        settlement_id=settlement.id,
        payee_id=settlement.payee_id,
        currency=settlement.currency,
        kind=kind,
        cause=cause,
        gross_minor=gross,
        share_minor=share,
        fee_minor=gross - share,
        payee_minor=share - reserve,
        reserve_minor=reserve,
        entry_id=None,
        payout_id=None,
        created_at=tx.now,
    )


async def _book(tx: Tx, moves: Sequence[tuple[Settlement, Move]]) -> list[Move]:
    entries: list[ledger.Entry] = []
    booked: list[Move] = []
    for settlement, move in moves:
        accounts = await booking.accounts_of(tx, settlement.payee_id, settlement.currency)
        entry = await booking.entry_of(tx, settlement, move, accounts)
        booked.append(move if entry is None else replace(move, entry_id=entry.id))
        entries += [] if entry is None else [entry]
    await queries.insert_moves(tx, booked)
    await booking.post(tx, entries)
    return booked


def _demand_same(move: Move, gross: int, line_id: UUID) -> None:
    if move.gross_minor != gross:
        raise CauseReused(cause=move.cause, line_id=public_id("oli", line_id))


def _claw_back(settlement: Settlement, move: Move) -> ClawBack:
    return ClawBack(
        settlement_id=settlement.id,
        line_id=settlement.line_id,
        cause=move.cause,
        amount_minor=-move.gross_minor,
        share_minor=-move.share_minor,
        fee_minor=-move.fee_minor,
        from_reserve_minor=-move.reserve_minor,
        entry_id=move.entry_id,
    )
