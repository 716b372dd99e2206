"""`ledger.post` in process, in batches: the core under group commit, the batch endpoint and every import."""

import random
import time
from collections.abc import Sequence

from bench.figures import Bench, Figure, at_least
from bench.limit import ACCOUNTS, SPREADS, Spread
from bench.product import PRINCIPAL, Product, open_product
from bench.session import Session
from vezne import ledger
from vezne.kernel.ids import new_id

_BATCHES = (500, 1000, 4000)
_BATCHES_QUICK = (500, 4000)
_TARGETS: dict[Spread, float] = {"random": 3, "hot": 10}
_OPENING_BALANCE = 10**10


async def _measure(session: Session) -> list[Figure]:
    figures: list[Figure] = []
    for spread, factor in _TARGETS.items():
        best = (await session.limit(spread)).best
        async with open_product(session) as product:
            accounts = await _open_funded(product)
            await product.gather_statistics()
            for size in _BATCHES_QUICK if session.quick else _BATCHES:
                session.say(f"ledger.post, batches of {size:,}, {SPREADS[spread]}")
                rate = await _post_for(product, accounts, spread, size, session.seconds)
                what = f"batches of {size:,}, {SPREADS[spread]}"
                figures.append(
                    Figure(
                        what=what, value=rate, unit="/s", beside=best.per_second, beside_what=str(best), target=at_least(factor)
                    )
                )
            await product.gather_statistics()
            await _verify(product)
    return figures


async def _open_funded(product: Product) -> Sequence[ledger.AccountId]:
    specs = [ledger.AccountSpec(code=f"wallet:{number}", currency="TRY", floor=0) for number in range(ACCOUNTS + 1)]
    async with product.database.transaction(PRINCIPAL) as tx:
        accounts = await ledger.open_accounts(tx, specs)
        issued = await ledger.house_account(tx, code="issued", currency="TRY")
        opening = [_transfer(issued, account, _OPENING_BALANCE, None) for account in accounts]
        _all_posted(await ledger.post(tx, opening))
    return accounts


async def _post_for(product: Product, accounts: Sequence[ledger.AccountId], spread: Spread, size: int, seconds: float) -> float:
    """Entries a second over one connection, each batch its own transaction, from BEGIN to the durable COMMIT."""
    chance, spent, posted = random.Random(size), 0.0, 0
    await _post(product, _batch(chance, accounts, spread, size))  # warms caches and prepared statements; not counted
    while spent < seconds:
        entries = _batch(chance, accounts, spread, size)
        began = time.perf_counter()
        await _post(product, entries)
        spent += time.perf_counter() - began
        posted += size
    return posted / spent


async def _post(product: Product, entries: Sequence[ledger.Entry]) -> None:
    async with product.database.transaction(PRINCIPAL) as tx:
        _all_posted(await ledger.post(tx, entries))


def _all_posted(answers: Sequence[ledger.Posted | ledger.Refused]) -> None:
    refused = next((answer for answer in answers if isinstance(answer, ledger.Refused)), None)
    if refused is not None:
        raise refused.error


def _batch(chance: random.Random, accounts: Sequence[ledger.AccountId], spread: Spread, size: int) -> list[ledger.Entry]:
    *ordinary, hot = accounts
    entries = []
    for _ in range(size):
        source, target = chance.sample(ordinary, 2)
        entry_id = new_id()
        entries.append(_transfer(hot if spread == "hot" else source, target, 1, f"bench:{entry_id}"))
    return entries


def _transfer(source: ledger.AccountId, target: ledger.AccountId, amount: int, reference: str | None) -> ledger.Entry:
    postings = (ledger.Posting(source, -amount), ledger.Posting(target, amount))
    return ledger.Entry(id=new_id(), kind="debit", postings=postings, reference=reference, description="Lunch")


async def _verify(product: Product) -> None:
    async with product.database.transaction(PRINCIPAL, read_only=True) as tx:
        findings = await ledger.audit(tx)
    if findings:
        raise RuntimeError(f"the books are not whole after the bench: {findings[:3]}")


POSTING = Bench(
    name="posting",
    title="ledger.post in process",
    about=(
        "Batches of entries of two postings, each with a reference that is claimed once and checked against its accounts' "
        "floors. One transaction a batch over one connection, timed from BEGIN to the durable COMMIT; the ledger's audit is run "
        "afterwards."
    ),
    measure=_measure,
)
