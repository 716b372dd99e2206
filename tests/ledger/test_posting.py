"""Posting: balance, floors, references, sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tenancy_fixtures import TestTenant
from vezne import ledger
from vezne.kernel import clock
from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import new_id
from vezne.kernel.principal import Principal
from vezne.ledger import AccountId, AccountSpec, Entry, Hold, Posted, Posting, Refused

KEY = b"k" * 32


@dataclass(frozen=True)
class Books:
    """A tenant's ledger with two wallets and a house account."""

    db: Database
    principal: Principal
    ada: AccountId
    bob: AccountId
    house: AccountId

    async def post(self, *entries: Entry) -> list[Posted | Refused]:
        async with self.db.transaction(self.principal) as tx:
            return await ledger.post(tx, entries)

    async def give(self, account: AccountId, amount: int) -> Posted:
        (answer,) = await self.post(move(self.house, account, amount))
        assert isinstance(answer, Posted)
        return answer

    async def balance(self, account: AccountId) -> int:
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return (await ledger.balances(tx, [account]))[account].balance

    async def findings(self) -> Sequence[object]:
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return await ledger.audit(tx, seal_key=KEY)


def move(source: AccountId, target: AccountId, amount: int, **more: object) -> Entry:
    postings = (Posting(source, -amount), Posting(target, amount))
    return Entry(id=new_id(), kind="test", postings=postings, **more)  # type: ignore[arg-type]


@pytest.fixture
async def desk(db: Database, tenant: TestTenant) -> Books:
    principal = tenant.principal
    async with db.transaction(principal) as tx:
        ada, bob = await ledger.open_accounts(tx, [AccountSpec("wallet:ada", "TRY"), AccountSpec("wallet:bob", "TRY")])
        house = await ledger.house_account(tx, "issued", "TRY")
    return Books(db, principal, ada, bob, house)


def refusal(answer: Posted | Refused) -> type[Refusal]:
    assert isinstance(answer, Refused)
    return type(answer.error)


async def test_a_posting_moves_the_balance_and_numbers_its_lines(desk: Books) -> None:
    await desk.give(desk.ada, 100)
    answer = await desk.give(desk.ada, 50)
    line = answer.line(desk.ada)
    assert (line.sequence, line.amount, line.balance_after) == (2, 50, 150)
    assert await desk.balance(desk.ada) == 150


async def test_overdraft_is_refused_and_harms_no_neighbour(desk: Books) -> None:
    await desk.give(desk.ada, 100)
    answers = await desk.post(move(desk.ada, desk.bob, 60), move(desk.ada, desk.bob, 60), move(desk.ada, desk.bob, 40))
    assert [isinstance(answer, Posted) for answer in answers] == [True, False, True]
    assert refusal(answers[1]) is ledger.BelowFloor
    assert (await desk.balance(desk.ada), await desk.balance(desk.bob)) == (0, 100)


async def test_an_entry_that_does_not_sum_to_zero_is_refused(desk: Books) -> None:
    (answer,) = await desk.post(Entry(id=new_id(), kind="test", postings=(Posting(desk.ada, 5),)))
    assert refusal(answer) is ledger.Unbalanced


async def test_an_entry_balances_in_each_currency_not_in_all_together(desk: Books) -> None:
    async with desk.db.transaction(desk.principal) as tx:
        (euro,) = await ledger.open_accounts(tx, [AccountSpec("wallet:ada", "EUR")])
    (answer,) = await desk.post(Entry(id=new_id(), kind="test", postings=(Posting(desk.house, -5), Posting(euro, 5))))
    assert refusal(answer) is ledger.Unbalanced


async def test_the_same_reference_posts_once_and_answers_the_first_time_again(desk: Books) -> None:
    first, second = await desk.post(
        move(desk.house, desk.ada, 7, reference="cause:1"), move(desk.house, desk.ada, 7, reference="cause:1")
    )
    (third,) = await desk.post(move(desk.house, desk.ada, 7, reference="cause:1"))
    assert isinstance(first, Posted)
    assert isinstance(second, Posted)
    assert isinstance(third, Posted)
    assert (first.again, second.again, third.again) == (False, True, True)
    assert first.entry_id == second.entry_id == third.entry_id
    assert {line.account for line in third.lines} == {desk.house, desk.ada}
    assert await desk.balance(desk.ada) == 7


async def test_a_reference_with_other_content_is_refused(desk: Books) -> None:
    await desk.post(move(desk.house, desk.ada, 7, reference="cause:1"))
    (answer,) = await desk.post(move(desk.house, desk.ada, 8, reference="cause:1"))
    assert refusal(answer) is ledger.ReferenceReused
    assert await desk.balance(desk.ada) == 7


async def test_what_is_held_back_cannot_be_spent(desk: Books) -> None:
    await desk.give(desk.ada, 100)
    async with desk.db.transaction(desk.principal) as tx:
        await ledger.hold(tx, [Hold(desk.ada, 70)])
    (refused,) = await desk.post(move(desk.ada, desk.bob, 31))
    (stands,) = await desk.post(move(desk.ada, desk.bob, 30))
    (captured,) = await desk.post(move(desk.ada, desk.bob, 70, holds=(Hold(desk.ada, -70),)))
    assert refusal(refused) is ledger.BelowFloor
    assert isinstance(stands, Posted)
    assert isinstance(captured, Posted)
    assert await desk.balance(desk.ada) == 0


async def test_a_hold_beyond_the_balance_and_a_release_beyond_the_hold_are_refused(desk: Books) -> None:
    await desk.give(desk.ada, 10)
    async with desk.db.transaction(desk.principal) as tx:
        beyond, below = await ledger.hold(tx, [Hold(desk.ada, 11), Hold(desk.ada, -1)])
    assert isinstance(beyond, Refused)
    assert isinstance(beyond.error, ledger.BelowFloor)
    assert isinstance(below, Refused)
    assert isinstance(below.error, ledger.NothingHeld)


async def test_a_frozen_account_takes_credits_only(desk: Books) -> None:
    await desk.give(desk.ada, 10)
    async with desk.db.transaction(desk.principal) as tx:
        await ledger.restrict(tx, desk.ada, debits=False, credits_=True)
    (out,) = await desk.post(move(desk.ada, desk.bob, 1))
    await desk.give(desk.ada, 5)
    assert refusal(out) is ledger.AccountRestricted
    assert await desk.balance(desk.ada) == 15


async def test_a_balance_beyond_two_to_the_53_is_refused(desk: Books) -> None:
    await desk.give(desk.ada, 2**53 - 1)
    (answer,) = await desk.post(move(desk.bob, desk.ada, 1))
    assert refusal(answer) in {ledger.BelowFloor, ledger.BalanceTooLarge}


async def test_a_reversal_sets_an_entry_right_once(desk: Books) -> None:
    given = await desk.give(desk.ada, 10)
    async with desk.db.transaction(desk.principal) as tx:
        first = await ledger.reverse(tx, given.entry_id)
        second = await ledger.reverse(tx, given.entry_id)
    assert isinstance(first, Posted)
    assert isinstance(second, Posted)
    assert first.entry_id == second.entry_id
    assert second.again
    assert await desk.balance(desk.ada) == 0


async def test_the_balance_at_a_time_is_that_of_the_last_posting_until_then(desk: Books) -> None:
    stamps = [(await desk.give(desk.ada, amount)).posted_at for amount in range(1, 20)]
    async with desk.db.transaction(desk.principal, read_only=True) as tx:
        found = [await ledger.balance_at(tx, desk.ada, stamp) for stamp in stamps]
        before = await ledger.balance_at(tx, desk.ada, stamps[0] - timedelta(microseconds=1))
    assert before == 0
    assert found == [sum(range(1, count + 1)) for count in range(1, 20)]


async def test_the_balance_at_a_time_is_found_among_postings_unevenly_spread_in_time(desk: Books) -> None:
    """Bursts at one instant, and gaps from microseconds to years between them."""
    start = clock.real_now()
    stamps = [start + timedelta(microseconds=3**step) for step in range(32) for _ in range(1 + step % 4)]
    for stamp in stamps:
        async with desk.db.transaction(desk.principal) as tx:
            tx.now = stamp
            await ledger.post(tx, [move(desk.house, desk.ada, 1)])
    asked = [stamp + timedelta(microseconds=shift) for stamp in stamps for shift in (-1, 0, 1)]
    async with desk.db.transaction(desk.principal, read_only=True) as tx:
        found = [await ledger.balance_at(tx, desk.ada, at) for at in asked]
    assert found == [sum(stamp <= at for stamp in stamps) for at in asked]


async def test_a_statement_pages_newest_first_and_filters_by_time_and_direction(desk: Books) -> None:
    posted = [await desk.give(desk.ada, amount) for amount in (1, 2, 3)]
    await desk.post(move(desk.ada, desk.bob, 4))
    async with desk.db.transaction(desk.principal, read_only=True) as tx:
        page = await ledger.statement(tx, desk.ada, limit=2)
        rest = await ledger.statement(tx, desk.ada, limit=9, before_sequence=page[-1].line.sequence)
        debits = await ledger.statement(tx, desk.ada, limit=9, direction="debit")
        window = await ledger.statement(tx, desk.ada, limit=9, since=posted[1].posted_at, until=posted[2].posted_at)
    assert [item.line.amount for item in page] == [-4, 3]
    assert [item.line.amount for item in rest] == [2, 1]
    assert [item.line.amount for item in debits] == [-4]
    assert [item.line.amount for item in window] == [3, 2]


async def test_the_trial_balance_sums_to_zero(desk: Books) -> None:
    await desk.give(desk.ada, 10)
    await desk.post(move(desk.ada, desk.bob, 4))
    async with desk.db.transaction(desk.principal, read_only=True) as tx:
        lines = await ledger.trial_balance(tx)
    assert sum(line.balance for line in lines) == 0
    assert {line.code: line.balance for line in lines} == {"issued": -10, "wallets": 10}


async def test_seals_chain_and_cover_everything_once(desk: Books) -> None:
    await desk.give(desk.ada, 10)
    numbers = [await seal(desk)]
    await desk.give(desk.bob, 3)
    numbers += [await seal(desk), await seal(desk)]
    assert numbers == [1, 2, None]
    assert await desk.findings() == []


async def seal(desk: Books) -> int | None:
    async with desk.db.transaction(desk.principal) as tx:
        return await ledger.seal(tx, KEY)


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("UPDATE postings SET amount = amount + 1 WHERE tenant_id = $1 AND account = $2", "entry sums to zero"),
        ("UPDATE postings SET balance_after = 9 WHERE tenant_id = $1 AND account = $2", "postings follow one another"),
        ("DELETE FROM postings WHERE tenant_id = $1 AND account = $2", "entry sums to zero"),
        ("UPDATE accounts SET balance = 9 WHERE tenant_id = $1 AND number = $2", "account equals its postings"),
        (
            "UPDATE entries SET description = 'other' WHERE tenant_id = $1 AND $2::bigint > 0",
            "sealed postings are unchanged",
        ),
        ("UPDATE seals SET signature = '\\x00' WHERE tenant_id = $1 AND $2::bigint > 0", "seals are unbroken"),
        ("DELETE FROM seal_ranges WHERE tenant_id = $1 AND account = $2", "seals are unbroken"),
    ],
)
async def test_the_audit_finds_what_an_owner_of_the_database_changed(desk: Books, dsn: str, damage: str, check: str) -> None:
    await desk.give(desk.ada, 10)
    await seal(desk)
    owner = await asyncpg.connect(dsn)
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute("SET LOCAL session_replication_role = replica")
        await owner.execute(damage, desk.principal.tenant_id, desk.ada)
        damaged = Tx(owner, desk.principal, (await _now(desk)), desk.db.reactions, desk.db.vault)
        found = {finding.check for finding in await ledger.audit(damaged, seal_key=KEY)}
    finally:
        await transaction.rollback()
        await owner.close()
    assert check in found


async def _now(desk: Books) -> datetime:
    async with desk.db.transaction(desk.principal, read_only=True) as tx:
        return tx.now


@pytest.mark.parametrize("statement", ["UPDATE entries SET kind = 'x'", "DELETE FROM postings", "TRUNCATE seals"])
async def test_the_service_cannot_change_what_is_posted(desk: Books, statement: str) -> None:
    await desk.give(desk.ada, 10)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with desk.db.transaction(desk.principal) as tx:
            await tx.connection.execute(statement)


@pytest.mark.parametrize(("amount", "balance"), [(5, 5), (10, 11)])
async def test_the_database_refuses_an_unbalanced_or_ill_numbered_posting(desk: Books, amount: int, balance: int) -> None:
    async def forge(entry: UUID) -> None:
        async with desk.db.transaction(desk.principal) as tx:
            await tx.execute(
                "UPDATE accounts SET balance = 10, sequence = 1 WHERE tenant_id = $1 AND number = $2", tx.tenant_id, desk.ada
            )
            await tx.copy(
                "postings",
                ["tenant_id", "account", "sequence", "amount", "balance_after", "entry_id", "posted_at"],
                [
                    (tx.tenant_id, desk.ada, 1, 10, balance, entry, tx.now),
                    (tx.tenant_id, desk.house, 1, -amount, -amount, entry, tx.now),
                ],
            )

    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await forge(new_id())
    assert await desk.balance(desk.ada) == 0
