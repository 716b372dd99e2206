"""Posting: many entries at once, each answered for itself.

The accounts of all entries are locked in one statement in number order; the entries are then decided one after the other in
Python, each on the state the earlier ones left; what stands is written in one statement. A single entry is a list of one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import asyncpg

from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import public_id
from vezne.kernel.money import MAX_MINOR
from vezne.ledger import queries
from vezne.ledger.models import (
    AccountId,
    AccountMissing,
    AccountRestricted,
    AccountState,
    BalanceTooLarge,
    BelowFloor,
    Entry,
    EntryRecord,
    Hold,
    Line,
    NothingHeld,
    Posted,
    Posting,
    ReferenceBusy,
    ReferenceReused,
    Refused,
    Unbalanced,
    content_hash,
)

States = dict[AccountId, AccountState]


async def post(tx: Tx, entries: Sequence[Entry]) -> list[Posted | Refused]:
    """Post `entries` in their order; one that cannot be posted is Refused and harms no other.

    Amounts are minor units. An entry whose reference was posted before with the same content answers Posted with
    `again=True` and changes nothing; with other content it is Refused with ReferenceReused. Refused also with Unbalanced,
    BelowFloor, AccountRestricted, AccountMissing, BalanceTooLarge, NothingHeld. Raises ReferenceBusy when another
    transaction posts one of the references at this moment: then nothing of this one may stand.
    """
    if not entries:
        return []
    touched = {posting.account for entry in entries for posting in entry.postings}
    touched.update(change.account for entry in entries if entry.holds for change in entry.holds)
    states = await queries.lock_accounts(tx, sorted(touched))
    known = await _known(tx, entries)
    batch = _Batch(tx.now, states, known)
    answers = [batch.decide(entry) for entry in entries]
    if batch.entries:
        changed = [states[number] for number in sorted(batch.touched)]
        try:
            await queries.write(tx, batch.entries, batch.postings, changed)
        except asyncpg.UniqueViolationError as error:
            raise ReferenceBusy(retry_after=1) from error
    return await _with_lines(tx, answers) if known else answers


async def hold(tx: Tx, holds: Sequence[Hold]) -> list[AccountState | Refused]:
    """Hold back more or less of accounts' balances, each answered for itself: BelowFloor, NothingHeld, AccountMissing."""
    states = await queries.lock_accounts(tx, sorted({change.account for change in holds}))
    answers: list[AccountState | Refused] = []
    for change in holds:
        error = _hold_error(states, change)
        if error is None:
            states[change.account].held += change.delta
        answers.append(states[change.account] if error is None else Refused(error))
    await queries.update_held(tx, list(states.values()))
    return answers


async def _known(tx: Tx, entries: Sequence[Entry]) -> dict[str, tuple[EntryRecord, bytes]]:
    references = [entry.reference for entry in entries if entry.reference is not None]
    return await queries.select_by_reference(tx, references) if references else {}


async def _with_lines(tx: Tx, answers: Sequence[Posted | Refused]) -> list[Posted | Refused]:
    """The answers, those that stood before this transaction with the lines they have in the books."""
    earlier = [answer.entry_id for answer in answers if isinstance(answer, Posted) and answer.first is not None]
    lines = await queries.select_lines(tx, earlier) if earlier else {}
    return [
        replace(answer, lines=lines[answer.entry_id], first=replace(answer.first, lines=lines[answer.entry_id]))
        if isinstance(answer, Posted) and answer.first is not None
        else answer
        for answer in answers
    ]


class _Batch:
    """Decides entries one after the other on locked accounts, and gathers what is to be written."""

    def __init__(self, now: datetime, states: States, known: dict[str, tuple[EntryRecord, bytes]]) -> None:
        self.now = now
        self.states = states
        self.known = known
        self.mine: dict[str, tuple[Posted, bytes]] = {}
        self.entries: list[queries.EntryRow] = []
        self.postings: list[queries.PostingRow] = []
        self.touched: set[AccountId] = set()

    def decide(self, entry: Entry) -> Posted | Refused:
        error = self._missing(entry)
        if error is not None:
            return Refused(error)
        digest = self._hash(entry) if entry.reference is not None else None
        earlier = self._earlier(entry, digest)
        if earlier is not None:
            return earlier
        error = self._refusal(entry)
        if error is not None:
            return Refused(error)
        posted = self._apply(entry, digest)
        if entry.reference is not None and digest is not None:
            self.mine[entry.reference] = (posted, digest)
        return posted

    def _missing(self, entry: Entry) -> Refusal | None:
        for account, _ in entry.postings:
            if account not in self.states:
                return AccountMissing(account=account)
        for account, _ in entry.holds:
            if account not in self.states:
                return AccountMissing(account=account)
        return None

    def _hash(self, entry: Entry) -> bytes:
        states = self.states
        lines = [(states[line.account].code, states[line.account].currency, line.amount) for line in entry.postings]
        return content_hash(entry.kind, lines)

    def _earlier(self, entry: Entry, digest: bytes | None) -> Posted | Refused | None:
        if entry.reference is None:
            return None
        if entry.reference in self.known:
            record, known_digest = self.known[entry.reference]
            earlier = Posted(record.id, (), record.posted_at, again=True, first=record)
        elif entry.reference in self.mine:
            first, known_digest = self.mine[entry.reference]
            earlier = Posted(first.entry_id, first.lines, first.posted_at, again=True)
        else:
            return None
        return earlier if known_digest == digest else Refused(ReferenceReused(reference=entry.reference))

    def _refusal(self, entry: Entry) -> Refusal | None:
        """Why the entry may not stand on the accounts as they are now, or None."""
        freed: dict[AccountId, int] = {}
        for change in entry.holds:
            freed[change.account] = freed.get(change.account, 0) - change.delta
        changes: dict[AccountId, int] = {}
        sums: dict[str, int] = {}
        for posting in entry.postings:
            state = self.states[posting.account]
            if not (state.accepts_credits if posting.amount > 0 else state.accepts_debits):
                return AccountRestricted(account=posting.account)
            sums[state.currency] = sums.get(state.currency, 0) + posting.amount
            changes[posting.account] = changes.get(posting.account, 0) + posting.amount
        for currency, total in sums.items() or [("nothing", 1)]:
            if total != 0:
                return Unbalanced(entry=public_id("ent", entry.id), currency=currency)
        for account in changes | freed if freed else changes:  # most entries hold nothing
            error = _change_error(self.states[account], changes.get(account, 0), freed.get(account, 0))
            if error is not None:
                return error
        return None

    def _apply(self, entry: Entry, digest: bytes | None) -> Posted:
        posted_at = self._posted_at(entry.postings)
        for change in entry.holds:
            self.states[change.account].held += change.delta
            self.touched.add(change.account)
        lines = tuple([self._write(posting, entry.id, posted_at) for posting in entry.postings])
        self.entries.append((entry, digest, posted_at))
        return Posted(entry.id, lines, posted_at)

    def _posted_at(self, postings: Iterable[Posting]) -> datetime:
        """Now, or later when an account was posted to by a machine whose clock is ahead: an account's times never go back."""
        at = self.now
        for posting in postings:
            at = max(at, self.states[posting.account].last_posted_at)
        return at

    def _write(self, posting: Posting, entry_id: UUID, at: datetime) -> Line:
        state = self.states[posting.account]
        state.sequence += 1
        state.balance += posting.amount
        state.last_posted_at = at
        self.touched.add(posting.account)
        self.postings.append((posting.account, state.sequence, posting.amount, state.balance, entry_id, at))
        return Line(posting.account, state.sequence, posting.amount, state.balance)


def _hold_error(states: States, change: Hold) -> Refusal | None:
    state = states.get(change.account)
    if state is None:
        return AccountMissing(account=change.account)
    if change.delta > 0 and not state.accepts_debits:
        return AccountRestricted(account=change.account)
    return _change_error(state, 0, -change.delta)


def _change_error(state: AccountState, change: int, freed: int) -> Refusal | None:
    """Why the balance may not change by `change` while `freed` of what is held back is released, or None."""
    if state.held - freed < 0:
        return NothingHeld(account=state.account, held_minor=state.held, asked_minor=freed)
    if abs(state.balance + change) > MAX_MINOR:
        return BalanceTooLarge(account=state.account)
    takes = change < 0 or freed < 0
    if takes and state.floor is not None and state.available + freed + change < 0:
        asked = -change if change else -freed
        return BelowFloor(account=state.account, available_minor=state.available + max(freed, 0), asked_minor=asked)
    return None
