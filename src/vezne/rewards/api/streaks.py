"""Streaks over HTTP: recording days with an activity."""

from datetime import date

from fastapi import BackgroundTasks
from pydantic import BaseModel, Field

from vezne.identity import CustomerNotFound
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.paging import CursorUnknown, Page, PageQuery, page_of
from vezne.rewards import refusals as says
from vezne.rewards.api.fields import CustomerId, Day, StudentId, StudentPath, Word
from vezne.rewards.api.rewards import RewardOut, count_given, shown
from vezne.rewards.models.rewards import Given, Streak
from vezne.rewards.models.rules import Every
from vezne.rewards.operations import reading, streaks

api = router("/v1/rewards", "Rewards")


class StreakIn(RequestModel):
    """A customer did it."""

    student_id: StudentId | None = None
    customer_id: CustomerId | None = None
    activity: Word
    day: Day | None = Field(None, description="default: today; not earlier than the last one recorded")


class StreakOut(BaseModel):
    """How long a customer has been at an activity without a gap."""

    customer_id: CustomerId
    activity: str
    every: Every
    length: int
    best: int
    last_on: date = Field(description="the last day, or the Monday of the last week")
    unbroken: bool = Field(description="whether it can still grow")


class RecordedOut(BaseModel):
    """A day with an activity, as it was recorded first."""

    customer_id: CustomerId
    activity: str
    every: Every
    starts_on: date = Field(description="the day, or the Monday of the week")
    length: int = Field(description="how long the streak was then")
    again: bool = Field(description="it was recorded before")
    reward: RewardOut | None


@api.post(
    "/streaks",
    status_code=201,
    dependencies=[requires("rewards.write")],
    responses=refusals(says.CustomerNotNamed, CustomerNotFound, says.ActivityUnknown, says.StreakDayAhead, says.StreakDayPassed),
)
async def post_streak(body: StreakIn, tx: TxDep, after: BackgroundTasks) -> RecordedOut:
    """Record a day with an activity, once a day (or week) of the tenant's zone, and reward the length it reached."""
    customer = await reading.named(tx, body.student_id, body.customer_id)
    told = await streaks.record(tx, customer.id, body.activity, body.day)
    if told.reward is not None:
        count_given(after, Given(told.reward, told.again))
    return RecordedOut(
        customer_id=customer.id,
        activity=told.streak.activity,
        every=told.streak.every,
        starts_on=told.day.starts_on,
        length=told.day.length,
        again=told.again,
        reward=None if told.reward is None else shown(told.reward),
    )


@api.get(
    "/streaks/{student_id}",
    dependencies=[requires("rewards.read", own="own.read")],
    responses=refusals(says.StudentUnknown, CursorUnknown),
)
async def get_streaks(student_id: StudentPath, page: PageQuery, tx: TxDep) -> Page[StreakOut]:
    """A customer's streaks, by activity."""
    customer = await reading.known(tx, student_id)
    begins = page.number() or 0
    found = await streaks.streaks_of(tx, customer.id)
    some = list(enumerate(found))[begins : begins + page.limit + 1]
    return page_of(some, page, lambda each: _streak(*each[1]), lambda each: each[0] + 1)


def _streak(streak: Streak, unbroken: bool) -> StreakOut:  # noqa: FBT001 - as it is told
    facts = {name: getattr(streak, name) for name in StreakOut.model_fields if hasattr(streak, name)}
    return StreakOut(**facts, unbroken=unbroken)
