"""The SQL of sealing and auditing."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from vezne.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Seal:
    """A link of the chain over the books."""

    number: int
    previous_hash: bytes
    hash: bytes
    signature: bytes
    sealed_to: UUID


@dataclass(frozen=True, slots=True)
class SealRange:
    """An account's postings from one sequence to another, and the digest over them and their entries."""

    account: int
    from_sequence: int
    to_sequence: int
    digest: bytes


async def prepare_to_read_everything(tx: Tx) -> None:
    """Take the time it takes, and read tables whole: a plan for a few rows would look up each entry's postings one by one."""
    await tx.execute("SET LOCAL statement_timeout = 0")
    await tx.execute("SET LOCAL enable_nestloop = off")
    await tx.execute("SET LOCAL enable_bitmapscan = off")


async def prepare_to_look_up(tx: Tx) -> None:
    """Back to looking rows up one by one, as what reads ranges of an account does."""
    await tx.execute("SET LOCAL enable_nestloop = on")
    await tx.execute("SET LOCAL enable_bitmapscan = on")


async def select_last_seal(tx: Tx) -> Seal | None:
    """The newest seal; sealers of one tenant wait for each other on it."""
    row = await tx.fetchrow(
        """SELECT number, previous_hash, hash, signature, sealed_to FROM seals
           WHERE tenant_id = $1 ORDER BY number DESC LIMIT 1""",
        tx.tenant_id,
    )
    return None if row is None else Seal(*row)


async def select_seals(tx: Tx) -> list[Seal]:
    """All seals, oldest first."""
    rows = await tx.fetch(
        "SELECT number, previous_hash, hash, signature, sealed_to FROM seals WHERE tenant_id = $1 ORDER BY number", tx.tenant_id
    )
    return [Seal(*row) for row in rows]


async def select_open_ranges(tx: Tx, accounts_with_entries_after: UUID, limit: int) -> list[tuple[int, int, int]]:
    """Accounts posted to since an entry, with the range of their sequence that no seal covers yet."""
    rows = await tx.fetch(
        """WITH moved AS (
               SELECT DISTINCT account FROM postings WHERE tenant_id = $1 AND entry_id > $2
           )
           SELECT moved.account, coalesce(sealed.to_sequence, 0) + 1 AS from_sequence, accounts.sequence AS to_sequence
           FROM moved
           JOIN accounts ON accounts.tenant_id = $1 AND accounts.number = moved.account
           LEFT JOIN LATERAL (
               SELECT to_sequence FROM seal_ranges
               WHERE tenant_id = $1 AND account = moved.account ORDER BY to_sequence DESC LIMIT 1
           ) AS sealed ON true
           WHERE accounts.sequence > coalesce(sealed.to_sequence, 0)
           ORDER BY moved.account LIMIT $3""",
        tx.tenant_id,
        accounts_with_entries_after,
        limit,
    )
    return [(row["account"], row["from_sequence"], row["to_sequence"]) for row in rows]


async def select_digests(tx: Tx, ranges: Sequence[tuple[int, int, int]]) -> list[SealRange]:
    """The digest of each range as the books stand now: SHA-256 over the SHA-256 of each posting with its entry.

    Every field goes in as text with its length before it, so that no two contents give the same text.
    """
    rows = await tx.fetch(
        """SELECT bounds.account, bounds.first, bounds.last, found.digest, found.count
           FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS bounds (account, first, last)
           CROSS JOIN LATERAL (
               SELECT count(*) AS count, sha256(coalesce(string_agg(sha256(convert_to(jsonb_build_array(
                          postings.account, postings.sequence, postings.amount, postings.balance_after,
                          extract(epoch FROM postings.posted_at)::text, entries.id, entries.kind, entries.reference,
                          entries.description, entries.details, entries.actor
                      )::text, 'UTF8')), ''::bytea ORDER BY postings.sequence), ''::bytea)) AS digest
               FROM postings
               LEFT JOIN LATERAL (  -- one index probe each, whatever the planner knows: a range must not read all entries
                   SELECT id, kind, reference, description, details, actor FROM entries
                   WHERE entries.tenant_id = $1 AND entries.id = postings.entry_id OFFSET 0
               ) AS entries ON true
               WHERE postings.tenant_id = $1 AND postings.account = bounds.account
                 AND postings.sequence BETWEEN bounds.first AND bounds.last
           ) AS found
           ORDER BY bounds.account""",
        tx.tenant_id,
        [account for account, _, _ in ranges],
        [first for _, first, _ in ranges],
        [last for _, _, last in ranges],
    )
    return [SealRange(row["account"], row["first"], row["last"], row["digest"]) for row in rows]


async def select_ranges(tx: Tx, seal_number: int) -> list[SealRange]:
    """What a seal covers, by account."""
    rows = await tx.fetch(
        """SELECT account, from_sequence, to_sequence, digest FROM seal_ranges
           WHERE tenant_id = $1 AND seal_number = $2 ORDER BY account""",
        tx.tenant_id,
        seal_number,
    )
    return [SealRange(*row) for row in rows]


async def insert_seal(tx: Tx, seal: Seal, ranges: Sequence[SealRange]) -> None:
    """Append a seal and what it covers."""
    await tx.execute(
        """INSERT INTO seals (tenant_id, number, previous_hash, hash, signature, sealed_to, sealed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        tx.tenant_id,
        seal.number,
        seal.previous_hash,
        seal.hash,
        seal.signature,
        seal.sealed_to,
        tx.now,
    )
    await tx.execute(
        """INSERT INTO seal_ranges (tenant_id, account, to_sequence, from_sequence, seal_number, digest)
           SELECT $1, covered.account, covered.last, covered.first, $6, covered.digest
           FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[]) AS covered (account, first, last, digest)""",
        tx.tenant_id,
        [covered.account for covered in ranges],
        [covered.from_sequence for covered in ranges],
        [covered.to_sequence for covered in ranges],
        [covered.digest for covered in ranges],
        seal.number,
    )


async def select_newest_entry(tx: Tx) -> UUID | None:
    """The id of the newest entry."""
    found: UUID | None = await tx.fetchval("SELECT id FROM entries WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1", tx.tenant_id)
    return found


async def select_unbalanced_entries(tx: Tx, limit: int) -> list[tuple[UUID, str, int]]:
    """Entries whose postings do not sum to zero in a currency, or that have none."""
    rows = await tx.fetch(
        """SELECT entries.id, coalesce(accounts.currency, 'nothing') AS currency,
                  coalesce(sum(postings.amount), 0)::bigint AS total
           FROM entries
           LEFT JOIN postings ON postings.tenant_id = entries.tenant_id AND postings.entry_id = entries.id
           LEFT JOIN accounts ON accounts.tenant_id = postings.tenant_id AND accounts.number = postings.account
           WHERE entries.tenant_id = $1
           GROUP BY entries.id, accounts.currency
           HAVING coalesce(sum(postings.amount), 0) <> 0 OR count(postings.account) = 0
           ORDER BY entries.id LIMIT $2""",
        tx.tenant_id,
        limit,
    )
    return [(row["id"], row["currency"], row["total"]) for row in rows]


async def select_orphan_postings(tx: Tx, limit: int) -> list[tuple[int, int]]:
    """Postings without an entry or without an account."""
    rows = await tx.fetch(
        """SELECT postings.account, postings.sequence FROM postings
           LEFT JOIN entries ON entries.tenant_id = postings.tenant_id AND entries.id = postings.entry_id
           LEFT JOIN accounts ON accounts.tenant_id = postings.tenant_id AND accounts.number = postings.account
           WHERE postings.tenant_id = $1 AND (entries.id IS NULL OR accounts.number IS NULL)
           ORDER BY postings.account, postings.sequence LIMIT $2""",
        tx.tenant_id,
        limit,
    )
    return [(row["account"], row["sequence"]) for row in rows]


async def select_broken_chains(tx: Tx, limit: int) -> list[tuple[int, int, str]]:
    """Postings that do not follow on the one before them: a gap, a balance that does not add up, or time going back."""
    rows = await tx.fetch(
        """SELECT account, sequence, CASE
                      WHEN sequence <> before + 1 THEN 'gap'
                      WHEN balance_after <> balance_before + amount THEN 'balance'
                      ELSE 'time' END AS fault
           FROM (
               SELECT account, sequence, amount, balance_after, posted_at,
                      lag(sequence, 1, 0::bigint) OVER line AS before,
                      lag(balance_after, 1, 0::bigint) OVER line AS balance_before,
                      lag(posted_at) OVER line AS posted_before
               FROM postings WHERE tenant_id = $1
               WINDOW line AS (PARTITION BY account ORDER BY sequence)
           ) AS chain
           WHERE sequence <> before + 1 OR balance_after <> balance_before + amount OR posted_at < posted_before
           ORDER BY account, sequence LIMIT $2""",
        tx.tenant_id,
        limit,
    )
    return [(row["account"], row["sequence"], row["fault"]) for row in rows]


async def select_wrong_accounts(tx: Tx, limit: int) -> list[tuple[int, int, int, int, int]]:
    """Accounts whose balance or sequence is not that of their last posting."""
    rows = await tx.fetch(
        """SELECT accounts.number, accounts.balance, accounts.sequence,
                  coalesce(last.balance_after, 0) AS balance_after, coalesce(last.sequence, 0) AS last_sequence
           FROM accounts
           LEFT JOIN LATERAL (
               SELECT balance_after, sequence FROM postings
               WHERE postings.tenant_id = accounts.tenant_id AND postings.account = accounts.number
               ORDER BY sequence DESC LIMIT 1
           ) AS last ON true
           WHERE accounts.tenant_id = $1
             AND (accounts.balance <> coalesce(last.balance_after, 0) OR accounts.sequence <> coalesce(last.sequence, 0))
           ORDER BY accounts.number LIMIT $2""",
        tx.tenant_id,
        limit,
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]
