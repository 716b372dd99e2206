"""CC7: every n-th day or week in a row with an activity gives coins; days are the tenant's, also when clocks change."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rewards_fixtures import Academy, Json, codes, student
from tenancy_fixtures import TenantMaker

DAY = timedelta(days=1)
MONDAY = datetime(2027, 3, 1, 12, tzinfo=UTC)


async def did(academy: Academy, who: str, *, status: int = 201, **more: object) -> Json:
    """A student did it."""
    return await academy.post("/v1/rewards/streaks", {"student_id": who, "activity": "quiz", **more}, status=status)


async def quiz(academy: Academy, *bonuses: tuple[int, int], repeats: bool = True, **terms: Any) -> None:  # noqa: ANN401
    """A rule for the quiz."""
    rows = [{"length": length, "amount_minor": amount, "repeats": repeats} for length, amount in bonuses]
    await academy.rule("streak", activity="quiz", bonuses=rows, **terms)


async def test_every_third_day_in_a_row_gives_coins_and_a_gap_begins_anew(academy: Academy) -> None:
    await quiz(academy, (3, 10), (7, 100))
    who, told = student(), []
    await academy.at(MONDAY)
    for _ in range(7):
        told.append(await did(academy, who))
        await academy.later(DAY)
    assert [each["length"] for each in told] == [1, 2, 3, 4, 5, 6, 7]
    assert [each["reward"] and each["reward"]["amount_minor"] for each in told] == [None, None, 10, None, None, 10, 100]
    await academy.later(DAY)
    (streak,) = (await academy.get(f"/v1/rewards/streaks/{who}"))["data"]
    assert (streak["length"], streak["unbroken"]) == (7, False)
    assert (await did(academy, who))["length"] == 1
    (streak,) = (await academy.get(f"/v1/rewards/streaks/{who}"))["data"]
    assert (streak["length"], streak["best"], streak["unbroken"]) == (1, 7, True)
    assert await academy.balance(who) == 120


async def test_a_day_counts_once_also_fifty_at_once(academy: Academy) -> None:
    await quiz(academy, (1, 10))
    who = student()
    body = {"student_id": who, "activity": "quiz"}
    answers = await asyncio.gather(*(academy.send("/v1/rewards/streaks", body) for _ in range(50)))
    assert codes(answers) == ["201"] * 50
    assert sorted(answer.json()["again"] for answer in answers) == [False] + [True] * 49
    assert len({answer.json()["reward"]["id"] for answer in answers}) == 1
    assert await academy.balance(who) == 10


async def test_a_bonus_that_does_not_repeat_is_given_once_in_a_streak(academy: Academy) -> None:
    await quiz(academy, (2, 10), repeats=False)
    who = student()
    await academy.at(MONDAY)
    for _ in range(6):
        await did(academy, who)
        await academy.later(DAY)
    assert await academy.balance(who) == 10


async def test_weeks_in_a_row_begin_on_monday_and_count_once(academy: Academy) -> None:
    await quiz(academy, (2, 10), every="week")
    who = student()
    await academy.at(MONDAY)
    assert ((await did(academy, who))["starts_on"], (await did(academy, who))["again"]) == ("2027-03-01", True)
    await academy.at(MONDAY + 6 * DAY)
    assert (await did(academy, who))["again"]
    await academy.at(MONDAY + 7 * DAY)
    second = await did(academy, who)
    assert (second["length"], second["starts_on"], second["reward"]["amount_minor"]) == (2, "2027-03-08", 10)


@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("Europe/Berlin", "2027-03-28"),
        ("Europe/Berlin", "2027-10-31"),
        ("America/New_York", "2027-03-14"),
        ("America/New_York", "2027-11-07"),
        ("Australia/Lord_Howe", "2027-04-04"),
        ("Pacific/Apia", "2027-01-01"),
    ],
)
async def test_days_are_the_tenants_also_when_its_clocks_change(
    academy: Academy, make_tenant: TenantMaker, zone: str, around: str
) -> None:
    """The last minute of one day and the first of the next are two days in a row, whatever length the day has."""
    there = Academy(academy.db, academy.http, await make_tenant(time_zone=zone))
    await quiz(there, (5, 10))
    who, local = student(), ZoneInfo(zone)
    middle = datetime.fromisoformat(around)
    moments = [
        (middle - 2 * DAY).replace(hour=23, minute=59),
        (middle - DAY).replace(hour=0, minute=0),
        middle.replace(hour=0, minute=1),
        middle.replace(hour=23, minute=59),
        (middle + DAY).replace(hour=0, minute=0),
        (middle + 2 * DAY).replace(hour=23, minute=30),
    ]
    lengths = []
    for moment in moments:
        await there.at(moment.replace(tzinfo=local).astimezone(UTC))
        lengths.append((await did(there, who))["length"])
    assert lengths == [1, 2, 3, 3, 4, 5]
    assert await there.balance(who) == 10


async def test_days_are_recorded_in_order_and_not_ahead(academy: Academy) -> None:
    await quiz(academy, (7, 10))
    who = student()
    await academy.at(MONDAY)
    ahead = await did(academy, who, day="2027-03-02", status=422)
    assert (ahead["code"], ahead["errors"][0]["loc"]) == ("streak_day_ahead", ["body", "day"])
    assert (await did(academy, who, day="2027-02-27"))["length"] == 1
    assert (await did(academy, who, day="2027-02-28"))["length"] == 2
    assert (await did(academy, who))["length"] == 3
    assert (await did(academy, who, day="2027-02-28"))["again"]
    assert (await did(academy, who, day="2027-02-26", status=409))["code"] == "streak_day_passed"


@pytest.mark.parametrize("day", ["2027-02-30", "yesterday", 17_000_000, "", "0001-01-01"])
async def test_a_day_that_is_none_is_refused_by_the_field(academy: Academy, day: object) -> None:
    await quiz(academy, (7, 10))
    refused = await did(academy, student(), day=day, status=422)
    assert refused["errors"][0]["loc"] == ["body", "day"]


async def test_an_activity_without_a_rule_is_not_known(academy: Academy) -> None:
    refused = await did(academy, student(), status=404)
    assert (refused["code"], refused["errors"][0]["loc"]) == ("activity_unknown", ["body", "activity"])


async def test_streaks_of_several_activities_are_listed_page_by_page(academy: Academy) -> None:
    who = student()
    for activity in ("essay", "login", "reading"):
        await academy.rule("streak", activity=activity, bonuses=[{"length": 1, "amount_minor": 1}])
        await academy.post("/v1/rewards/streaks", {"student_id": who, "activity": activity})
    page = await academy.get(f"/v1/rewards/streaks/{who}", limit=2)
    rest = await academy.get(f"/v1/rewards/streaks/{who}", limit=2, after=page["next"])
    assert [each["activity"] for each in page["data"] + rest["data"]] == ["essay", "login", "reading"]
    assert (page["has_more"], rest["has_more"]) == (True, False)
