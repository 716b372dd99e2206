"""House accounts are known by heart once they stand; one that was undone with a part of a transaction is not."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import uuid4

import pytest

from tenancy_fixtures import TestTenant
from vezne import ledger
from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import new_id
from vezne.ledger import Entry, Posted, Posting
from vezne.ledger.models import STRIPES


class _UndoneError(Exception):
    pass


async def open_it(tx: Tx, code: str) -> None:
    await ledger.house_account(tx, code, "TRY")
    await ledger.house_account(tx, code, "TRY")


async def open_in_a_part(tx: Tx, code: str) -> None:
    async with tx.savepoint():
        await ledger.house_account(tx, code, "TRY")
    await ledger.house_account(tx, code, "TRY")


async def open_in_a_part_that_is_undone(tx: Tx, code: str) -> None:
    with suppress(_UndoneError):
        async with tx.savepoint():
            await ledger.house_account(tx, code, "TRY")
            await ledger.house_account(tx, code, "TRY")
            raise _UndoneError
    await can_be_posted_to(tx, code)


async def open_before_a_part_that_is_undone(tx: Tx, code: str) -> None:
    await ledger.house_account(tx, code, "TRY")
    with suppress(_UndoneError):
        async with tx.savepoint():
            raise _UndoneError
    await ledger.house_account(tx, code, "TRY")


async def can_be_posted_to(tx: Tx, code: str) -> None:
    house, other = await ledger.house_account(tx, code, "TRY"), await ledger.house_account(tx, "issued", "TRY")
    postings = (Posting(house, -1), Posting(other, 1))
    (answer,) = await ledger.post(tx, [Entry(new_id(), "test", postings)])
    assert isinstance(answer, Posted), answer


@pytest.mark.parametrize("opening", [open_it, open_in_a_part, open_in_a_part_that_is_undone, open_before_a_part_that_is_undone])
async def test_one_that_was_undone_is_opened_anew(
    db: Database, tenant: TestTenant, opening: Callable[[Tx, str], Awaitable[None]]
) -> None:
    code = f"house-{uuid4().hex}"
    with suppress(_UndoneError):
        async with db.transaction(tenant.principal) as tx:
            await opening(tx, code)
            raise _UndoneError
    for _ in range(STRIPES * 2):  # every stripe has its turn
        async with db.transaction(tenant.principal) as tx:
            await can_be_posted_to(tx, code)
