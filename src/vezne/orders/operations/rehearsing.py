"""Doing something whole to see what would come of it, and undoing it: no row, no event and no job is left."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, NoReturn, TypeVar
from uuid import UUID

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Movement:
    """What would be posted to one account: minor units, positive is more for the account's holder."""

    entry: str
    account: str
    currency: str
    amount_minor: int


class _OverError(Exception, Generic[Done]):
    """The rehearsal has come to its end: what was done is undone."""

    def __init__(self, done: Done, movements: list[Movement]) -> None:
        self.done = done
        self.movements = movements
        super().__init__()


async def rehearse(tx: Tx, act: Callable[[], Awaitable[Done]]) -> tuple[Done, list[Movement]]:
    """What `act` answers and what it posts, when it is done for show. Raises what it raises."""
    principal = tx.principal
    actor = f"rehearsal:{new_id()}"
    since = new_id()
    try:
        async with tx.savepoint():
            tx.principal = replace(principal, actor=actor)
            done = await act()
            await _undo(tx, done, actor, since)
    except _OverError as over:
        return over.done, over.movements
    finally:
        tx.principal = principal


async def _undo(tx: Tx, done: Done, actor: str, since: UUID) -> NoReturn:
    raise _OverError(done, await _movements(tx, actor, since))


async def _movements(tx: Tx, actor: str, since: UUID) -> list[Movement]:
    entries = await ledger.entries_by(tx, actor, since)
    lines = [(entry, line) for entry in entries for line in entry.lines]
    states = await ledger.balances(tx, list({line.account for _, line in lines}))
    return [Movement(entry.kind, states[line.account].code, states[line.account].currency, line.amount) for entry, line in lines]


async def post(tx: Tx, kind: str, provider: str, currency: str, amount_minor: int) -> None:
    """In a rehearsal: what a provider would bring (negative: take back)."""
    clearing = await ledger.house_account(tx, f"clearing:{provider}", currency)
    unapplied = await ledger.house_account(tx, "unapplied", currency)
    postings = (ledger.Posting(clearing, -amount_minor), ledger.Posting(unapplied, amount_minor))
    (posted,) = await ledger.post(tx, [ledger.Entry(new_id(), kind, postings)])
    if isinstance(posted, ledger.Refused):
        raise posted.error
