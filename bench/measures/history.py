"""History's first page and a balance in the past, from ten thousand postings to ten million."""

import random
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import asyncpg

from bench.books import Books, extend_books
from bench.figures import Bench, Figure, at_most
from bench.product import PRINCIPAL, TENANT, Product, open_product
from bench.session import Session
from vezne import ledger
from vezne.kernel.db import Tx

_SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
_SIZES_QUICK = (10_000, 100_000)
_PAGE = 50
_READS = 300
_ROUNDS = 6  # the first prepares the statement and fetches pages

Read = Callable[[Tx, Books], Awaitable[None]]


async def _measure(session: Session) -> list[Figure]:
    figures: list[Figure] = []
    first: dict[str, float] = {}
    async with open_product(session) as product:
        owner = await asyncpg.connect(product.owner_dsn)
        try:
            books = await _open_books(product)
            for size in _SIZES_QUICK if session.quick else _SIZES:
                session.say(f"history at {size:,} postings")
                books = await extend_books(owner, books, size)
                for what, read in _READINGS.items():
                    milliseconds = await _median_ms(product, books, read)
                    figures.append(_figure(what, size, milliseconds, first.setdefault(what, milliseconds)))
        finally:
            await owner.close()
    return figures


def _figure(what: str, size: int, milliseconds: float, first: float) -> Figure:
    figure = Figure(what=f"{what} at {size:,} postings", value=milliseconds, unit="ms")
    if size == _SIZES[0]:
        return figure
    return replace(figure, beside=first, beside_what=f"at {_SIZES[0]:,}", target=at_most(1.5))


async def _open_books(product: Product) -> Books:
    specs = [ledger.AccountSpec(code=code, currency="TRY", floor=floor) for code, floor in (("wallet:bench", 0), ("bench", None))]
    async with product.database.transaction(PRINCIPAL) as tx:
        account, house = await ledger.open_accounts(tx, specs)
    return Books(TENANT, account, house)


async def _median_ms(product: Product, books: Books, read: Read) -> float:
    """The lowest of a few medians of many reads inside one read-only transaction: the query and its answer, without BEGIN and
    COMMIT. The lowest, as the sizes are measured minutes apart and the machine's other work is not what is compared.
    """
    medians: list[float] = []
    async with product.database.transaction(PRINCIPAL, read_only=True) as tx:
        for _ in range(_ROUNDS):
            times: list[float] = []
            for _ in range(_READS):
                began = time.perf_counter()
                await read(tx, books)
                times.append(time.perf_counter() - began)
            medians.append(statistics.median(times))
    return min(medians) * 1000


async def _read_first_page(tx: Tx, books: Books) -> None:
    lines = await ledger.statement(tx, ledger.AccountId(books.account), limit=_PAGE)
    assert len(lines) == _PAGE
    assert lines[0].line.sequence == books.entries


async def _read_past_balance(tx: Tx, books: Books) -> None:
    sequence = random.randint(1, books.entries)
    balance = await ledger.balance_at(tx, ledger.AccountId(books.account), books.time_of(sequence))
    assert balance == books.balance_after(sequence)


_READINGS: dict[str, Read] = {f"first page of {_PAGE}": _read_first_page, "balance at a random time": _read_past_balance}

HISTORY = Bench(
    name="history",
    title="Reading one account's history",
    about=(
        "One customer's account that holds half of all postings: the newest page of its statement, and its balance at a random "
        "moment of its past, as the lowest of six medians of 300 reads. Both should cost the same however long the history is."
    ),
    measure=_measure,
)
