"""SQL of spending that is unusual: read along the ids of entries, which are in order of real time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from vezne.kernel.db import Tx

_SPENT: LiteralString = """
    WITH decided AS (SELECT * FROM unnest($4::uuid[], $5::timestamptz[]) AS decided (customer_id, at)),
    spent AS (
        SELECT postings.account, postings.sequence, -postings.amount AS amount, postings.entry_id, postings.posted_at
        FROM entries JOIN postings ON postings.tenant_id = $1 AND postings.entry_id = entries.id
        WHERE entries.tenant_id = $1 AND entries.id >= $2 AND entries.posted_at > $3
          AND entries.kind IN ('debit', 'capture', 'transfer')
          AND postings.entry_id >= $2 AND postings.posted_at > $3 AND postings.amount < 0
    ),
    recent AS (
        SELECT wallets.id AS wallet_id, wallets.customer_id, spent.* FROM spent
        JOIN wallets ON wallets.tenant_id = $1 AND wallets.account = spent.account
        LEFT JOIN decided ON decided.customer_id = wallets.customer_id
        WHERE decided.at IS NULL OR spent.posted_at > decided.at
    )"""


@dataclass(frozen=True, slots=True)
class Recent:
    """Which spending is looked at: entries with ids from `from_id` on, posted after `since`, and after what was decided."""

    from_id: UUID
    since: datetime
    decided: Mapping[UUID, datetime]


@dataclass(frozen=True, slots=True)
class Rapid:
    """A wallet that was spent from many times."""

    wallet_id: UUID
    customer_id: UUID
    count: int


@dataclass(frozen=True, slots=True)
class Large:
    """A debit that is many times what its wallet's debits before it were: `count` of them, `total_minor` together."""

    wallet_id: UUID
    customer_id: UUID
    entry_id: UUID
    amount_minor: int
    count: int
    total_minor: int


async def select_rapid(tx: Tx, recent: Recent, threshold: int) -> list[Rapid]:
    """The wallets that were spent from at least so many times, in the order of their customers."""
    rows = await tx.fetch(
        _SPENT  # noqa: S608 - constants, both
        + """SELECT wallet_id, customer_id, count(*) AS count FROM recent
             GROUP BY wallet_id, customer_id HAVING count(*) >= $6 ORDER BY customer_id, count DESC, wallet_id""",
        *_asked(tx, recent),
        threshold,
    )
    return [Rapid(*row) for row in rows]


async def select_large(tx: Tx, recent: Recent, begin: datetime, *, times: int, least: int, most: int) -> list[Large]:
    """Each wallet's largest debit, where it is at least `times` the average of those before it since `begin`.

    Those are at least `least`, among the wallet's `most` movements before it: an account's sequence has no gaps. In the order of
    the wallets' customers.
    """
    rows = await tx.fetch(
        _SPENT  # noqa: S608 - constants, both
        + """, largest AS (
                 SELECT DISTINCT ON (account) * FROM recent WHERE amount >= $7 ORDER BY account, amount DESC, sequence
             )
             SELECT wallet_id, customer_id, entry_id, amount, before.count, before.total
             FROM largest CROSS JOIN LATERAL (
                 SELECT count(*) AS count, -sum(postings.amount)::bigint AS total FROM postings
                 JOIN entries ON entries.tenant_id = $1 AND entries.id = postings.entry_id
                 WHERE postings.tenant_id = $1 AND postings.account = largest.account
                   AND postings.sequence BETWEEN largest.sequence - $9::bigint AND largest.sequence - 1
                   AND postings.posted_at > $6 AND postings.amount < 0
                   AND entries.kind IN ('debit', 'capture', 'transfer')) AS before
             WHERE before.count >= $8 AND largest.amount::numeric * before.count >= $7::numeric * before.total
             ORDER BY customer_id, wallet_id""",
        *_asked(tx, recent),
        begin,
        times,
        least,
        most,
    )
    return [Large(*row) for row in rows]


def _asked(tx: Tx, recent: Recent) -> tuple[object, ...]:
    return tx.tenant_id, recent.from_id, recent.since, list(recent.decided), list(recent.decided.values())
