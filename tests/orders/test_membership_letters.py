"""Letters about memberships: what could not be charged and where it is paid, a trial that ends, and the end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import pytest_asyncio

from orders_fixtures import BoxOffice
from vezne import identity, memberships, payments
from vezne.kernel import clock
from vezne.kernel.db import Tx
from vezne.kernel.jobs import JobCall
from vezne.kernel.mail import Letter, outbox
from vezne.memberships import jobs as memberships_jobs
from vezne.orders import jobs

T = TypeVar("T")
BEGIN = datetime(2031, 1, 31, 10, tzinfo=UTC)
PRICE = 3_000
LETTERS = ("memberships.tell_past_due", "memberships.tell_unpaid", "memberships.tell_ended", "memberships.tell_trial_ending")


@dataclass
class Studio:
    """A box office that sells memberships and writes to its members, with its clock in hand."""

    office: BoxOffice

    async def do(self, act: Callable[[Tx], Awaitable[T]]) -> T:
        async with self.office.db.transaction(self.office.principal) as tx:
            return await act(tx)

    async def at(self, moment: datetime) -> None:
        await self.do(lambda tx: clock.hold(tx, moment))

    async def member(self, *, trial_days: int = 0, **details: str | None) -> memberships.Membership:
        """A customer with an address whose membership runs."""

        async def join(tx: Tx) -> UUID:
            known = {"email": "ayse@example.com", "name": "Ayşe", **details}
            customer = await identity.create_customer(tx, **known)  # type: ignore[arg-type]
            new = memberships.NewPlan(name="Gold", interval="month", prices={"TRY": PRICE})
            plan = await memberships.create_plan(tx, new)
            made, first = await memberships.start(tx, customer.id, plan.id, "TRY", trial_days=trial_days)
            await memberships.period_paid(tx, first.id, None)
            return made.id

        membership_id = await self.do(join)
        return await self.do(lambda tx: memberships.membership(tx, membership_id))

    async def renew(self) -> None:
        """Renewals and tries again, as the worker does them."""
        call = JobCall("sweep", self.office.tenant.tenant_id)
        await jobs.renew_due(self.office.db, call)
        await jobs.retry_due(self.office.db, call)

    async def write(self) -> list[JobCall]:
        """Do the letters' jobs that wait; which."""
        known = jobs.letters_on(self.office.gateways)
        calls = await self.office._take(LETTERS, timedelta())
        for call in calls:
            await known[call.name](self.office.db, call)
        return calls

    async def letters(self) -> list[Letter]:
        """Everything posted about memberships, oldest first."""

        async def look(tx: Tx) -> list[Letter]:
            return [await outbox.letter_of(tx, each.id) for each in reversed(await outbox.mails(tx, limit=100))]

        return await self.do(look)


@pytest_asyncio.fixture
async def studio(office: BoxOffice) -> Studio:
    """On the last day of January."""
    made = Studio(office)
    await made.at(BEGIN)
    return made


async def test_cm3_who_has_no_card_is_told_where_to_pay_once_a_try(studio: Studio) -> None:
    member = await studio.member()
    await studio.at(member.period_end + timedelta(minutes=1))
    await studio.renew()
    (call,) = await studio.write()
    await jobs.letters_on(studio.office.gateways)[call.name](studio.office.db, call)
    (letter,) = await studio.letters()
    assert (letter.purpose, letter.to) == ("membership_past_due", "ayse@example.com")
    assert "TRY\u00a030.00 for Gold is due" in letter.text
    assert "you can use your membership as before" in letter.text
    (link,) = [word for word in letter.text.split() if "/checkout/" in word]
    assert f'href="{link}"' in letter.html
    paid = await studio.do(lambda tx: payments.of_client_secret(tx, link.rpartition("/")[2]))
    assert (paid.amount_minor, paid.customer_id) == (PRICE, member.customer_id)
    await studio.at(member.period_end + timedelta(days=3, minutes=2))
    await studio.renew()
    await studio.write()
    assert [each.purpose for each in await studio.letters()] == ["membership_past_due"] * 2


async def test_cm3_the_end_of_dunning_is_told_in_its_own_words(studio: Studio) -> None:
    ended, paused = await studio.member(email="a@example.com"), await studio.member(email="b@example.com")
    await studio.at(ended.period_end + timedelta(minutes=1))
    await studio.renew()
    await studio.write()
    for member, end in ((ended, "cancel"), (paused, "pause")):
        await studio.do(lambda tx, end=end: identity.change_tenant(tx, settings={"dunning_end": end}))  # type: ignore[misc]
        period = await studio.do(lambda tx, member=member: memberships.open_period_of(tx, member.id))  # type: ignore[misc]
        assert period is not None
        for _ in range(9):
            await studio.do(lambda tx, period=period: memberships.period_failed(tx, period.id, "stolen_card"))  # type: ignore[misc]
    await studio.write()
    told = [letter for letter in await studio.letters() if letter.purpose != "membership_past_due"]
    assert {(letter.to, letter.purpose, letter.subject) for letter in told} == {
        ("a@example.com", "membership_unpaid", "Kampüs: Your membership has ended"),
        ("b@example.com", "membership_unpaid", "Kampüs: Your membership is paused"),
    }


async def test_nobody_is_bothered_where_dunning_asks_for_nothing_or_it_was_paid_meanwhile(studio: Studio) -> None:
    soft, quick = await studio.member(email="a@example.com"), await studio.member(email="b@example.com")
    await studio.at(soft.period_end + timedelta(minutes=1))
    opened = await studio.do(lambda tx: memberships.due(tx, 10))
    periods = {each.membership_id: each for each in await studio.do(lambda tx: memberships.open_periods(tx, opened))}
    await studio.do(lambda tx: memberships.period_failed(tx, periods[soft.id].id, "insufficient_funds"))
    await studio.do(lambda tx: memberships.period_failed(tx, periods[quick.id].id, "authentication_required"))
    await studio.do(lambda tx: memberships.period_paid(tx, periods[quick.id].id, None))
    assert len(await studio.write()) == 2
    assert await studio.letters() == []


async def test_a_trial_that_ends_is_announced_with_its_price_unless_it_was_cancelled(studio: Studio) -> None:
    goes_on = await studio.member(trial_days=14, locale="tr")
    leaves = await studio.member(trial_days=14)
    await studio.do(lambda tx: memberships.cancel(tx, leaves.id))
    await studio.at(goes_on.period_end - timedelta(days=2, hours=12))
    watch = memberships_jobs.jobs_on(studio.office.gateways)["memberships.watch"]
    await watch(studio.office.db, JobCall("memberships.watch", studio.office.tenant.tenant_id))
    await studio.write()
    (letter,) = await studio.letters()
    assert (letter.purpose, letter.language) == ("membership_trial_ending", "tr")
    for words in ("Gold deneme süreniz 14 Şubat 2031", "₺30,00", "iptal edin"):
        assert words in letter.text


async def test_an_end_is_told_and_one_of_what_never_ran_is_not(studio: Studio) -> None:
    member = await studio.member()
    await studio.do(lambda tx: memberships.cancel(tx, member.id, at_period_end=False))

    async def begun(tx: Tx) -> UUID:
        _, first = await memberships.start(tx, member.customer_id, member.plan_id, "TRY")
        return first.id

    first_id = await studio.do(begun)
    await studio.do(lambda tx: memberships.abandon(tx, first_id))
    await studio.write()
    (letter,) = await studio.letters()
    assert letter.purpose == "membership_ended"
    assert "Gold ended on January 31, 2031" in letter.text


async def test_a_tenant_may_write_itself(studio: Studio) -> None:
    await studio.do(lambda tx: identity.change_tenant(tx, settings={"mail_memberships": False}))
    member = await studio.member()
    await studio.do(lambda tx: memberships.cancel(tx, member.id, at_period_end=False))
    assert len(await studio.write()) == 1
    assert await studio.letters() == []
