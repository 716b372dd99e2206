"""Books with as many postings as a bench asks for, in the ledger's own tables and valid by its own audit."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

_STEP = (Path(__file__).parent / "books.sql").read_text()
_CHUNK = 500_000  # entries a statement: what it materialises stays small, and progress can be told
_OPENED_AT = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Books:
    """A customer's account and the house account against which all of its entries were made."""

    tenant_id: int
    account: int
    house: int
    entries: int = 0

    @property
    def postings(self) -> int:
        """Postings in all: two an entry."""
        return self.entries * 2

    def time_of(self, sequence: int) -> datetime:
        """When the customer's posting of this sequence was made; one second lies between two."""
        return _OPENED_AT + timedelta(seconds=sequence)

    def balance_after(self, sequence: int) -> int:
        """What the customer's account holds after the posting of this sequence, in minor units."""
        return sequence // 2 * 50 + sequence % 2 * 100


async def extend_books(owner: "asyncpg.Connection[asyncpg.Record]", books: Books, postings: int) -> Books:
    """Append entries until there are `postings` postings; has them already: nothing. The connection must be the owner's.

    The sum-zero trigger rests meanwhile: it is a cost of writing, and these rows are right by construction.
    """
    written = books.entries
    async with owner.transaction():
        await owner.execute("SET LOCAL session_replication_role = replica")
        while written < postings // 2:
            until = min(written + _CHUNK, postings // 2)
            await owner.execute(_STEP, books.tenant_id, books.account, written, until, books.house, _OPENED_AT)
            written = until
    await owner.execute("VACUUM (ANALYZE) postings, entries, accounts")
    return Books(books.tenant_id, books.account, books.house, written)
