"""CM12: automated dunning: the table, days of grace, and how it ends."""

from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from memberships_fixtures import BEGIN, DAY, Club
from vezne import identity, memberships, payments
from vezne.kernel.ids import new_id
from vezne.memberships.dunning import DUNNING, FailureClass, class_of, step_after


async def overdue(club: Club, **more: Any) -> tuple[memberships.Membership, memberships.Period]:  # noqa: ANN401
    """A membership whose renewal waits."""
    made = await club.begin(await club.plan(**more))
    await club.at(made.period_end)
    (period,) = await club.open()
    return await club.seen(made.id), period


@pytest.mark.unit
def test_every_class_has_rows_and_every_wait_is_longer_than_nothing() -> None:
    assert set(DUNNING) == set(get_args(FailureClass))
    for steps in DUNNING.values():
        assert steps
        assert all(step.wait > timedelta() for step in steps)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("insufficient_funds", "soft"),
        ("do_not_honor", "soft"),
        ("something_new", "soft"),
        ("try_again_later", "technical"),
        ("authentication_required", "authentication"),
        ("stolen_card", "hard"),
        ("expired_card", "hard"),
        ("no_method", "hard"),
    ],
)
def test_a_code_has_its_class_and_one_nobody_knows_is_soft(code: str, expected: str) -> None:
    assert class_of(code) == expected


@pytest.mark.unit
def test_after_the_last_row_nothing_follows() -> None:
    for failure_class, steps in DUNNING.items():
        assert step_after(failure_class, len(steps)) == steps[-1]
        assert step_after(failure_class, len(steps) + 1) is None


@pytest.mark.parametrize("code", ["insufficient_funds", "authentication_required", "expired_card", "processing_error"])
async def test_tries_follow_the_table_and_after_the_last_the_membership_is_over(club: Club, code: str) -> None:
    made, period = await overdue(club)
    steps = DUNNING[class_of(code)]
    for number, step in enumerate(steps, 1):
        async with club.db.transaction(club.principal) as tx:
            now = tx.now
        assert await club.fail(period, code) == now + step.wait
        seen = (await club.periods(made.id))[-1]
        assert (seen.status, seen.attempts, seen.last_failure_class) == ("open", number, class_of(code))
        assert (await club.seen(made.id)).status == "past_due"
        assert (await club.events("membership.past_due"))[-1]["ask"] == step.ask
        await club.at(now + step.wait)
        async with club.db.transaction(club.principal) as tx:
            assert [each.id for each in await memberships.periods_to_retry(tx, 10)] == [period.id]
            assert await memberships.periods_to_retry(tx, 10) == []  # given out once
    assert await club.fail(period, code) is None
    over = await club.seen(made.id)
    assert (over.status, over.cancel_reason) == ("cancelled", "unpaid")
    assert (await club.periods(made.id))[-1].status == "failed"


async def test_the_class_of_the_last_refusal_decides_and_tries_count_on(club: Club) -> None:
    _, period = await overdue(club)
    await club.fail(period, "insufficient_funds")
    await club.fail(period, "insufficient_funds")
    assert await club.fail(period, "stolen_card") is None  # the third try, and that class has two


async def test_it_is_usable_for_the_days_of_grace_and_paid_late_it_keeps_its_dates(club: Club) -> None:
    made, period = await overdue(club, credits_per_period=4)
    await club.fail(period)
    seen = await club.seen(made.id)
    assert seen.usable_until(7) == period.starts_at + 7 * DAY
    assert seen.is_usable(period.starts_at + 6 * DAY, 7)
    assert not seen.is_usable(period.starts_at + 7 * DAY, 7)
    await club.later(5 * DAY)
    await club.pay(period)
    paid = await club.seen(made.id)
    assert (paid.status, paid.period_start, paid.period_end) == ("active", period.starts_at, period.ends_at)
    assert (await club.periods(made.id))[-1].next_try_at is None
    assert await club.credits(made.customer_id) == 4


async def test_a_tenant_may_have_it_paused_instead_and_resuming_charges_from_that_day(club: Club) -> None:
    async with club.db.transaction(club.principal) as tx:
        await identity.change_tenant(tx, settings={"dunning_end": "pause"})
    made, period = await overdue(club)
    for _ in range(3):
        await club.fail(period, "lost_card")
    paused = await club.seen(made.id)
    assert (paused.status, paused.paused_until) == ("paused", None)
    await club.later(60 * DAY)
    await club.resume(made)
    assert not (await club.seen(made.id)).is_usable(made.period_end + 60 * DAY, 7)  # not before it is paid
    (again,) = await club.renew()
    assert (again.starts_at, again.reason, again.amount_minor) == (made.period_start + 60 * DAY, "resume", 3_000)
    assert (await club.seen(made.id)).status == "active"


async def test_another_card_is_tried_at_once(club: Club) -> None:
    made, period = await overdue(club)
    await club.fail(period, "expired_card")
    saved = payments.MethodSaved(method_id=new_id(), customer_id=made.customer_id, provider="simulated")
    async with club.db.transaction(club.principal) as tx:
        assert await memberships.periods_to_retry(tx, 10) == []
        await memberships.on_method_saved(tx, saved)
        assert [each.id for each in await memberships.periods_to_retry(tx, 10)] == [period.id]


async def test_a_first_period_and_a_change_are_no_matter_of_dunning(club: Club) -> None:
    plan = await club.plan()
    async with club.db.transaction(club.principal) as tx:
        made, first = await memberships.start(tx, await club.customer(), plan.id, "TRY")
        assert await memberships.period_failed(tx, first.id, "stolen_card") is None
    assert (await club.seen(made.id)).status == "incomplete"
    assert made.created_at == BEGIN


@pytest.mark.unit
def test_the_table_in_the_documents_is_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "memberships.md").read_text(encoding="utf-8")
    written = {cells[0]: cells[1:6] for cells in map(_cells, page.splitlines()) if cells and cells[0] in DUNNING}
    assert written == {
        name: [*(f"{_span(step.wait)}, {step.ask}" for step in steps), "end", "", "", ""][:5] for name, steps in DUNNING.items()
    }


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []


def _span(wait: timedelta) -> str:
    return f"{wait.days} d" if wait.days else f"{wait // timedelta(hours=1)} h"
