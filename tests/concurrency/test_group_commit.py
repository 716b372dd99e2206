"""Group commit over several processes, each played by a GroupCommit of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from tenancy_fixtures import TestTenant
from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.group_commit import Answer, GroupCommit
from vezne.kernel.idempotency import IdempotencyKeyReused

pytestmark = pytest.mark.concurrency


class Desk:
    """Does nothing, for a moment, and notes how many batches do so at once and how large they are."""

    def __init__(self) -> None:
        self.at_work = self.most_at_work = 0
        self.sizes: list[int] = []

    async def apply(self, _: Tx, works: Sequence[int]) -> list[Answer | Refusal]:
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        self.sizes.append(len(works))
        await asyncio.sleep(0.01)
        self.at_work -= 1
        return [Answer(201, b"%d" % work) for work in works]


async def test_batches_of_one_tenant_take_turns_over_all_processes(db: Database, tenant: TestTenant) -> None:
    desk = Desk()
    processes = [GroupCommit(db, desk.apply) for _ in range(3)]
    answers = await asyncio.gather(*(processes[n % 3].submit(tenant.principal, n) for n in range(30)))
    assert [answer.body for answer in answers] == [b"%d" % n for n in range(30)]
    assert desk.most_at_work == 1


async def test_who_arrives_while_a_batch_waits_for_its_turn_comes_along(db: Database, tenant: TestTenant) -> None:
    desk = Desk()
    process = GroupCommit(db, desk.apply)
    async with db.transaction(tenant.principal, in_turn=True):
        early = asyncio.create_task(process.submit(tenant.principal, 1))
        await asyncio.sleep(0.1)
        late = asyncio.create_task(process.submit(tenant.principal, 2))
        await asyncio.sleep(0.05)
        assert not early.done()
    await asyncio.gather(early, late)
    assert desk.sizes == [2]


async def test_another_tenant_waits_for_no_turn(db: Database, tenant: TestTenant, other_tenant: TestTenant) -> None:
    async with db.transaction(tenant.principal, in_turn=True), asyncio.timeout(5):
        await GroupCommit(db, Desk().apply).submit(other_tenant.principal, 1)


async def test_a_key_two_processes_are_sent_at_once_happens_once(db: Database, tenant: TestTenant) -> None:
    desk = Desk()
    processes = [GroupCommit(db, desk.apply) for _ in range(4)]
    answers = await asyncio.gather(
        *(process.submit(tenant.principal, n, key="lunch", request_hash=b"same") for n, process in enumerate(processes))
    )
    assert sum(desk.sizes) == 1
    assert len({answer.body for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False, True, True, True]
    with pytest.raises(IdempotencyKeyReused):
        await processes[0].submit(tenant.principal, 9, key="lunch", request_hash=b"other")
