"""The ledger's SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.ledger.models import AccountId, AccountSpec, AccountState, Entry, EntryRecord, Line, StatementLine, TrialLine

PostingRow = tuple[AccountId, int, int, int, UUID, datetime]
"""Account, sequence, amount, balance after, entry, time."""

EntryRow = tuple[Entry, bytes | None, datetime]
"""Entry, content hash when it has a reference, time."""

_COPY_FROM = 100
"""From how many entries on binary COPY is faster than arrays; measured."""


async def insert_accounts(tx: Tx, specs: Sequence[AccountSpec], stripe: int = 0) -> dict[tuple[str, str], AccountId]:
    """Open those of `specs` that are not open, in code order; the numbers of all by code and currency."""
    ordered = sorted(specs, key=lambda spec: (spec.code, spec.currency))
    codes, currencies = [spec.code for spec in ordered], [spec.currency for spec in ordered]
    await tx.execute(
        """INSERT INTO accounts (tenant_id, code, currency, floor, stripe, last_posted_at)
           SELECT $1, spec.code, spec.currency, spec.floor, $5, $6
           FROM unnest($2::text[], $3::text[], $4::bigint[]) AS spec (code, currency, floor)
           ON CONFLICT (tenant_id, code, currency, stripe) DO NOTHING""",
        tx.tenant_id,
        codes,
        currencies,
        [spec.floor for spec in ordered],
        stripe,
        tx.now,
    )
    rows = await tx.fetch(
        """SELECT accounts.code, accounts.currency, accounts.number
           FROM unnest($2::text[], $3::text[]) AS spec (code, currency)
           CROSS JOIN LATERAL (  -- one index probe each, whatever the planner knows of a young table
               SELECT * FROM accounts
               WHERE tenant_id = $1 AND code = spec.code AND currency = spec.currency AND stripe = $4 OFFSET 0
           ) AS accounts""",
        tx.tenant_id,
        codes,
        currencies,
        stripe,
    )
    return {(row["code"], row["currency"]): AccountId(row["number"]) for row in rows}


async def select_stripe(tx: Tx, code: str, currency: str, stripe: int) -> AccountId | None:
    """The number of a house account's stripe."""
    number: AccountId | None = await tx.fetchval(
        "SELECT number FROM accounts WHERE tenant_id = $1 AND code = $2 AND currency = $3 AND stripe = $4",
        tx.tenant_id,
        code,
        currency,
        stripe,
    )
    return number


async def lock_accounts(tx: Tx, accounts: Sequence[AccountId]) -> dict[AccountId, AccountState]:
    """Lock the accounts in number order and read them."""
    rows = await tx.fetch(
        """SELECT number, code, currency, floor, balance, held, sequence, last_posted_at, accepts_debits, accepts_credits
           FROM accounts WHERE tenant_id = $1 AND number = ANY ($2::bigint[])
           ORDER BY number FOR NO KEY UPDATE""",
        tx.tenant_id,
        accounts,
    )
    return {row[0]: AccountState(*row) for row in rows}


async def select_accounts(tx: Tx, accounts: Sequence[AccountId]) -> dict[AccountId, AccountState]:
    """Read the accounts without locking them."""
    rows = await tx.fetch(
        """SELECT number, code, currency, floor, balance, held, sequence, last_posted_at, accepts_debits, accepts_credits
           FROM accounts WHERE tenant_id = $1 AND number = ANY ($2::bigint[])""",
        tx.tenant_id,
        accounts,
    )
    return {row[0]: AccountState(*row) for row in rows}


async def write(tx: Tx, entries: Sequence[EntryRow], postings: Sequence[PostingRow], states: Sequence[AccountState]) -> None:
    """Write entries, postings and the new state of their accounts, which this transaction has locked."""
    if len(entries) < _COPY_FROM:
        await _write_at_once(tx, entries, postings, states)
    else:
        await _write_by_copy(tx, entries, postings, states)


async def _write_at_once(
    tx: Tx, entries: Sequence[EntryRow], postings: Sequence[PostingRow], states: Sequence[AccountState]
) -> None:
    """One statement: one round trip, which is what counts for a small batch."""
    account, sequence, amount, balance, entry_id, at = zip(*postings, strict=True)
    encode = msgspec.json.encode
    await tx.execute(
        """WITH moved AS (
               UPDATE accounts
               SET balance = state.balance, held = state.held, sequence = state.sequence, last_posted_at = state.at
               FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[])
                    AS state (number, balance, held, sequence, at)
               WHERE accounts.tenant_id = $1 AND accounts.number = state.number
           ), written AS (
               INSERT INTO entries (tenant_id, id, kind, reference, content_hash, description, details, actor, posted_at)
               SELECT $1, entry.id, entry.kind, entry.reference, entry.content_hash, entry.description, entry.details,
                      $7, entry.at
               FROM unnest($8::uuid[], $9::text[], $10::text[], $11::bytea[], $12::text[], $13::jsonb[], $14::timestamptz[])
                    AS entry (id, kind, reference, content_hash, description, details, at)
           )
           INSERT INTO postings (tenant_id, account, sequence, amount, balance_after, entry_id, posted_at)
           SELECT $1, posting.* FROM unnest(
               $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::uuid[], $20::timestamptz[]) AS posting""",
        tx.tenant_id,
        *_columns(states),
        tx.principal.actor,
        [entry.id for entry, _, _ in entries],
        [entry.kind for entry, _, _ in entries],
        [entry.reference for entry, _, _ in entries],
        [digest for _, digest, _ in entries],
        [entry.description for entry, _, _ in entries],
        [encode(entry.details).decode() for entry, _, _ in entries],
        [at for _, _, at in entries],
        account,
        sequence,
        amount,
        balance,
        entry_id,
        at,
    )


def _columns(states: Sequence[AccountState]) -> tuple[list[AccountId], list[int], list[int], list[int], list[datetime]]:
    return (
        [state.account for state in states],
        [state.balance for state in states],
        [state.held for state in states],
        [state.sequence for state in states],
        [state.last_posted_at for state in states],
    )


async def _write_by_copy(
    tx: Tx, entries: Sequence[EntryRow], postings: Sequence[PostingRow], states: Sequence[AccountState]
) -> None:
    """Binary COPY: a third of the encoding cost of arrays, which is what counts for a large batch."""
    encode, tenant_id, actor = msgspec.json.encode, tx.tenant_id, tx.principal.actor
    await tx.execute(
        """UPDATE accounts
           SET balance = state.balance, held = state.held, sequence = state.sequence, last_posted_at = state.at
           FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[])
                AS state (number, balance, held, sequence, at)
           WHERE accounts.tenant_id = $1 AND accounts.number = state.number""",
        tenant_id,
        *_columns(states),
    )
    await tx.copy(
        "entries",
        ("tenant_id", "id", "kind", "reference", "content_hash", "description", "details", "actor", "posted_at"),
        [
            (
                tenant_id,
                entry.id,
                entry.kind,
                entry.reference,
                digest,
                entry.description,
                encode(entry.details).decode(),
                actor,
                at,
            )
            for entry, digest, at in entries
        ],
    )
    await tx.copy(
        "postings",
        ("tenant_id", "account", "sequence", "amount", "balance_after", "entry_id", "posted_at"),
        [(tenant_id, *posting) for posting in sorted(postings)],
    )


async def update_held(tx: Tx, states: Sequence[AccountState]) -> None:
    """Write what locked accounts hold back."""
    await tx.execute(
        """UPDATE accounts SET held = state.held FROM unnest($2::bigint[], $3::bigint[]) AS state (number, held)
           WHERE accounts.tenant_id = $1 AND accounts.number = state.number""",
        tx.tenant_id,
        [state.account for state in states],
        [state.held for state in states],
    )


async def update_acceptance(tx: Tx, account: AccountId, *, debits: bool, credits_: bool) -> int:
    """Write what the account takes; how many rows that was."""
    return await tx.execute(
        "UPDATE accounts SET accepts_debits = $3, accepts_credits = $4 WHERE tenant_id = $1 AND number = $2",
        tx.tenant_id,
        account,
        debits,
        credits_,
    )


async def select_by_reference(tx: Tx, references: Sequence[str]) -> dict[str, tuple[EntryRecord, bytes]]:
    """The entries already posted under these references, with their content hashes."""
    rows = await tx.fetch(
        """SELECT id, kind, reference, description, details, actor, posted_at, content_hash FROM entries
           WHERE tenant_id = $1 AND reference = ANY ($2::text[])""",
        tx.tenant_id,
        references,
    )
    return {row["reference"]: (_entry(row), row["content_hash"]) for row in rows}


async def select_entry(tx: Tx, entry_id: UUID) -> EntryRecord | None:
    """One entry, without its lines."""
    row = await tx.fetchrow(
        """SELECT id, kind, reference, description, details, actor, posted_at FROM entries
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        entry_id,
    )
    return None if row is None else _entry(row)


async def select_entries_by(tx: Tx, actor: str, since: UUID) -> list[EntryRecord]:
    """An actor's entries with ids after this one, without their lines, the oldest first."""
    rows = await tx.fetch(
        """SELECT id, kind, reference, description, details, actor, posted_at FROM entries
           WHERE tenant_id = $1 AND id > $2 AND actor = $3 ORDER BY id""",
        tx.tenant_id,
        since,
        actor,
    )
    return [_entry(row) for row in rows]


async def select_lines(tx: Tx, entry_ids: Sequence[UUID]) -> dict[UUID, tuple[Line, ...]]:
    """The lines of each of these entries, in the order of their accounts."""
    rows = await tx.fetch(
        """SELECT entry_id, account, sequence, amount, balance_after FROM postings
           WHERE tenant_id = $1 AND entry_id = ANY ($2::uuid[]) ORDER BY account, sequence""",
        tx.tenant_id,
        entry_ids,
    )
    lines: dict[UUID, list[Line]] = {entry_id: [] for entry_id in entry_ids}
    for entry_id, account, sequence, amount, balance_after in rows:
        lines[entry_id].append(Line(account, sequence, amount, balance_after))
    return {entry_id: tuple(found) for entry_id, found in lines.items()}


async def select_position(tx: Tx, account: AccountId, at: datetime) -> tuple[int, int]:
    """The sequence and balance of the account's last posting at or before `at`; (0, 0) before the first.

    A search over the gap-free sequence, whose times never go back: no index on time is needed. Every other step looks where
    the posting would be if those between the ends were evenly spread in time, which finds it in a few steps however long the
    history is; the steps between halve what is left, which bounds their number where they are not.
    """
    row = await tx.fetchrow(
        """WITH RECURSIVE search (step, low, low_at, high, high_at) AS (
               SELECT 0, CASE WHEN last_posted_at <= $3 THEN accounts.sequence ELSE 0 END, first.posted_at,
                      accounts.sequence + 1, accounts.last_posted_at
               FROM accounts
               LEFT JOIN postings AS first ON first.tenant_id = $1 AND first.account = $2 AND first.sequence = 1
               WHERE accounts.tenant_id = $1 AND accounts.number = $2
               UNION ALL
               SELECT search.step + 1,
                      CASE WHEN probe.posted_at <= $3 THEN probe.sequence ELSE search.low END,
                      CASE WHEN probe.posted_at <= $3 THEN probe.posted_at ELSE search.low_at END,
                      CASE WHEN probe.posted_at <= $3 THEN search.high ELSE probe.sequence END,
                      CASE WHEN probe.posted_at <= $3 THEN search.high_at ELSE probe.posted_at END
               FROM search
               JOIN postings AS probe ON probe.tenant_id = $1 AND probe.account = $2
                    AND probe.sequence = greatest(search.low + 1, least(search.high - 1,
                        CASE WHEN search.step % 2 = 0 AND search.high_at > search.low_at
                        THEN search.low + ((search.high - search.low) * (
                             extract(epoch FROM $3 - search.low_at) / extract(epoch FROM search.high_at - search.low_at)))::bigint
                        ELSE (search.low + search.high) / 2 END))
               WHERE search.high - search.low > 1
           )
           SELECT found.low AS sequence, coalesce(postings.balance_after, 0) AS balance
           FROM (SELECT max(low) AS low FROM search) AS found
           LEFT JOIN postings ON postings.tenant_id = $1 AND postings.account = $2 AND postings.sequence = found.low""",
        tx.tenant_id,
        account,
        at,
    )
    return (0, 0) if row is None or row["sequence"] is None else (row["sequence"], row["balance"])


async def select_statement(
    tx: Tx, account: AccountId, *, below: int, above: int, limit: int, kinds: Sequence[str] | None, sign: int
) -> list[StatementLine]:
    """Lines with above < sequence < below, newest first; `sign` 1 keeps credits only, -1 debits only, 0 both."""
    rows = await tx.fetch(
        """SELECT entries.id, entries.kind, entries.reference, entries.description, entries.details, entries.actor,
                  postings.posted_at, postings.account, postings.sequence, postings.amount, postings.balance_after
           FROM postings
           JOIN entries ON entries.tenant_id = postings.tenant_id AND entries.id = postings.entry_id
           WHERE postings.tenant_id = $1 AND postings.account = $2 AND postings.sequence < $3 AND postings.sequence > $4
             AND ($5::text[] IS NULL OR entries.kind = ANY ($5)) AND postings.amount * $6 >= 0
           ORDER BY postings.sequence DESC LIMIT $7""",
        tx.tenant_id,
        account,
        below,
        above,
        kinds,
        sign,
        limit,
    )
    return [
        StatementLine(_entry(row), Line(row["account"], row["sequence"], row["amount"], row["balance_after"])) for row in rows
    ]


async def select_trial_balance(tx: Tx) -> list[TrialLine]:
    """Balances by account code (all wallets together) and currency."""
    rows = await tx.fetch(
        """SELECT CASE WHEN code LIKE 'wallet:%' THEN 'wallets' ELSE code END AS code, currency,
                  count(*) AS accounts, sum(balance)::bigint AS balance, sum(held)::bigint AS held
           FROM accounts WHERE tenant_id = $1 GROUP BY 1, 2 ORDER BY 2, 1""",
        tx.tenant_id,
    )
    return [TrialLine(*row) for row in rows]


def _entry(row: Record) -> EntryRecord:
    details: dict[str, Any] = msgspec.json.decode(row["details"])
    return EntryRecord(row["id"], row["kind"], row["reference"], row["description"], details, row["actor"], row["posted_at"])
