"""Reading the books: statements, entries, and setting an entry right by its reverse."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import MAX_MINOR
from vezne.ledger import queries
from vezne.ledger.models import AccountId, Entry, EntryMissing, EntryRecord, Posted, Posting, Refused, StatementLine
from vezne.ledger.operations.posting import post

_SIGNS = {"credit": 1, "debit": -1, None: 0}


async def statement(
    tx: Tx,
    account: AccountId,
    *,
    limit: int,
    before_sequence: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    kinds: Sequence[str] | None = None,
    direction: Literal["credit", "debit"] | None = None,
) -> list[StatementLine]:
    """At most `limit` lines of the account, newest first: older than `before_sequence`, from `since` up to and with `until`."""
    below = MAX_MINOR if before_sequence is None else before_sequence
    above = 0
    if until is not None:
        below = min(below, (await queries.select_position(tx, account, until))[0] + 1)
    if since is not None:
        above = await _last_before(tx, account, since)
    return await queries.select_statement(tx, account, below=below, above=above, limit=limit, kinds=kinds, sign=_SIGNS[direction])


async def _last_before(tx: Tx, account: AccountId, at: datetime) -> int:
    sequence, _ = await queries.select_position(tx, account, at - datetime.resolution)
    return sequence


async def entry(tx: Tx, entry_id: UUID) -> EntryRecord:
    """One entry with all its lines. Raises EntryMissing."""
    record = await queries.select_entry(tx, entry_id)
    if record is None:
        raise EntryMissing(entry=public_id("ent", entry_id))
    return replace(record, lines=(await queries.select_lines(tx, [entry_id]))[entry_id])


async def entries_under(tx: Tx, references: Sequence[str]) -> dict[str, EntryRecord]:
    """The entries posted under these references, without their lines."""
    return {name: record for name, (record, _) in (await queries.select_by_reference(tx, references)).items()}


async def entries_by(tx: Tx, actor: str, since: UUID) -> list[EntryRecord]:
    """The entries that `actor` has posted since an id was made, with all their lines, the oldest first."""
    records = await queries.select_entries_by(tx, actor, since)
    lines = await queries.select_lines(tx, [record.id for record in records])
    return [replace(record, lines=lines[record.id]) for record in records]


async def reverse(tx: Tx, entry_id: UUID, *, description: str = "") -> Posted | Refused:
    """Post the opposite of an entry; once only: again answers the first reversal. Raises EntryMissing.

    Refused as any entry is, with BelowFloor when what was credited has been spent. Holds are not brought back.
    """
    original = await entry(tx, entry_id)
    reversal = Entry(
        id=new_id(),
        kind="reversal",
        postings=tuple(Posting(line.account, -line.amount) for line in original.lines),
        reference=f"reversal:{entry_id}",
        description=description,
        details={"reverses": public_id("ent", entry_id)},
    )
    (answer,) = await post(tx, [reversal])
    return answer
