"""Letting go what was kept back of settlements, once its day has come."""

from dataclasses import replace

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id
from vezne.settlements.events import SettlementReserveReleased
from vezne.settlements.models import Move, Settlement
from vezne.settlements.operations import booking
from vezne.settlements.queries import settlements as queries

BATCH = 200


async def release_due(tx: Tx) -> int:
    """Move the reserves whose day has come to their payees' accounts, some at a time; how many. Again: nothing more to do."""
    due = await queries.lock_to_release(tx, BATCH)
    if not due:
        return 0
    moves, entries = [], []
    for settlement in due:
        if not settlement.reserved_minor:
            continue  # claw-backs took all of it
        move = _release(tx, settlement)
        accounts = await booking.accounts_of(tx, settlement.payee_id, settlement.currency)
        entry = await booking.entry_of(tx, settlement, move, accounts)
        if entry is not None:
            moves.append(replace(move, entry_id=entry.id))
            entries.append(entry)
    await queries.mark_released(tx, [settlement.id for settlement in due])
    await queries.insert_moves(tx, moves)
    await booking.post(tx, entries)
    await tx.publish(
        *[
            SettlementReserveReleased(
                settlement_id=move.settlement_id,
                payee_id=move.payee_id,
                currency=move.currency,
                amount_minor=move.payee_minor,
            )
            for move in moves
        ]
    )
    return len(due)


def _release(tx: Tx, settlement: Settlement) -> Move:
    return Move(
        id=new_id(),
        settlement_id=settlement.id,
        payee_id=settlement.payee_id,
        currency=settlement.currency,
        kind="release",
        cause="release",
        gross_minor=0,
        share_minor=0,
        fee_minor=0,
        payee_minor=settlement.reserved_minor,
        reserve_minor=-settlement.reserved_minor,
        entry_id=None,
        payout_id=None,
        created_at=tx.now,
    )
