"""What every provider in the list must do, played through the sandbox over real HTTP.

A part that not every provider can do runs on those whose capabilities say that they can.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from desk_fixtures import Sandbox
from providers.played import Played, everybody
from tenancy_fixtures import TenantMaker
from vezne.kernel.db import Database
from vezne.kernel.settings import Settings
from vezne.payments.providers import PROVIDERS
from vezne.payments.providers.base import Grade, ProviderRefused, ProviderUnavailable, RefundGrade

PLAYED = everybody()


def those_that(**can: bool) -> pytest.MarkDecorator:
    """Run on the providers with these capabilities; the suite fails to be collected when there is none."""
    chosen = [
        name for name, one in PLAYED.items() if all(getattr(one.capabilities, what) is is_so for what, is_so in can.items())
    ]
    assert chosen, f"no provider can {can}"
    return pytest.mark.parametrize("played", chosen, indirect=True)


online = those_that(offline=False)


def test_every_provider_in_the_list_is_played_here() -> None:
    assert {one.name for one in PLAYED.values()} == PROVIDERS.keys()


@pytest_asyncio.fixture(params=PLAYED)
async def played(
    request: pytest.FixtureRequest, sandbox: Sandbox, db: Database, make_tenant: TenantMaker
) -> AsyncIterator[Played]:
    """One provider after the other."""
    chosen = PLAYED[request.param]
    tenant = await make_tenant(livemode=chosen.livemode, **chosen.settings)
    one = chosen(sandbox, db, tenant.tenant_id)
    yield one
    await one.provider.aclose()


@pytest.mark.parametrize("name", sorted({one.name for one in PLAYED.values() if one.needs_credentials}))
def test_a_provider_without_credentials_is_not_there(name: str) -> None:
    assert PROVIDERS[name](Settings(_env_file=None)) is None


async def test_its_name_and_capabilities_are_those_it_is_listed_with(played: Played) -> None:
    assert (played.provider.name, played.provider.capabilities) == (played.name, played.capabilities)


async def test_the_same_reference_is_the_same_payment(played: Played) -> None:
    request = played.request()
    first, again = await asyncio.gather(played.provider.start(request), played.provider.start(request))
    assert first == again
    assert await played.provider.find(played.request().reference, tenant_id=played.tenant_id) is None
    assert await played.provider.find("att_nobody", tenant_id=played.tenant_id) is None


@online
async def test_a_payment_that_was_made_is_found_by_our_reference(played: Played) -> None:
    request, ref = await played.started()
    await played.pay(request, ref)
    found = await played.provider.find(request.reference, tenant_id=request.tenant_id)
    assert found is not None
    assert (found.provider_ref, found.reference, found.grade) == (ref, request.reference, Grade.CAPTURED)


@online
async def test_what_nobody_has_paid_yet_waits(played: Played) -> None:
    request, ref = await played.started()
    seen = await played.provider.fetch(ref)
    assert (seen.grade, seen.captured.minor) == (Grade.PENDING, 0)
    assert (await played.provider.find(request.reference, tenant_id=played.tenant_id) is not None) is played.told_at_start


async def test_a_provider_is_entered_by_its_address_or_by_a_form(played: Played) -> None:
    request = played.request()
    started, form = await played.provider.start(request), played.provider.form(request)
    if form is None:
        assert started.redirect_url != request.form_url
    else:
        assert started.redirect_url == request.form_url
        assert form == played.provider.form(request)
        assert form.action.startswith(played.provider.page_origins)


@online
async def test_a_payment_that_was_paid_is_captured_whole(played: Played) -> None:
    seen = await played.provider.fetch(await played.captured())
    assert (seen.grade, seen.amount, seen.captured, seen.refunded) == (
        Grade.CAPTURED,
        played.amount,
        played.amount,
        played.part(0),
    )


@online
async def test_a_declined_card_says_why(played: Played) -> None:
    request, ref = await played.started()
    code = await played.decline(request, ref)
    seen = await played.provider.fetch(ref)
    assert (seen.grade, seen.captured.minor, seen.failure_code) == (Grade.FAILED, 0, code)


@online
async def test_delayed_money_is_not_captured_money(played: Played) -> None:
    request, ref = await played.started()
    await played.pay_later(request, ref)
    seen = await played.provider.fetch(ref)
    assert (seen.grade, seen.captured.minor) == (Grade.PROCESSING, 0)


@those_that(manual_capture=True)
async def test_promised_money_is_not_captured_money_until_it_is_taken(played: Played) -> None:
    request, ref = await played.started(manual_capture=True)
    await played.pay(request, ref)
    seen = await played.provider.fetch(ref)
    assert (seen.grade, seen.captured.minor) == (Grade.AUTHORISED, 0)
    for _ in range(2):
        assert (await played.provider.capture(ref, played.amount)).grade is Grade.CAPTURED


@those_that(cancel=True)
async def test_an_unpaid_payment_is_closed(played: Played) -> None:
    _, ref = await played.started()
    for _ in range(2):
        assert (await played.provider.cancel(ref)).grade is Grade.CANCELLED


@online
async def test_a_paid_payment_cannot_be_closed_and_is_returned_as_it_is(played: Played) -> None:
    assert (await played.provider.cancel(await played.captured())).grade is Grade.CAPTURED


@those_that(offline=False, partial_refund=True)
async def test_the_same_refund_reference_is_the_same_refund(played: Played) -> None:
    request = played.refund(await played.captured(), 2_500)
    first, again = await asyncio.gather(played.provider.refund(request), played.provider.refund(request))
    assert first.refund_ref == again.refund_ref
    done = await played.ended(first)
    assert (done.refund_ref, done.grade, done.amount) == (first.refund_ref, RefundGrade.SUCCEEDED, played.part(2_500))
    late = await played.provider.refund(request)
    assert (late.refund_ref, late.grade) == (first.refund_ref, RefundGrade.SUCCEEDED)
    assert (await played.provider.fetch(request.provider_ref)).refunded == played.part(2_500)


@those_that(offline=False, partial_refund=True)
async def test_two_refunds_of_one_payment_are_two(played: Played) -> None:
    ref = await played.captured()
    refunds = [await played.provider.refund(played.refund(ref, minor)) for minor in (2_500, 7_500)]
    assert len({refund.refund_ref for refund in refunds}) == 2
    for refund in refunds:
        await played.ended(refund)
    assert (await played.provider.fetch(ref)).refunded == played.amount


@online
async def test_a_refund_of_more_than_there_is_is_refused(played: Played) -> None:
    request = played.refund(await played.captured(), 10_001)
    with pytest.raises(ProviderRefused):
        await played.provider.refund(request)


@online
async def test_a_refund_of_what_was_not_paid_is_refused(played: Played) -> None:
    _, ref = await played.started()
    with pytest.raises(ProviderRefused):
        await played.provider.refund(played.refund(ref, 1))


@online
async def test_a_payment_it_does_not_know_is_refused(played: Played) -> None:
    for ref in played.unknown:
        with pytest.raises(ProviderRefused):
            await played.provider.fetch(ref)


@pytest.mark.parametrize("played", [name for name, one in PLAYED.items() if one.is_remote], indirect=True)
async def test_a_provider_that_is_away_is_unavailable(played: Played) -> None:
    gone = played.away()
    assert gone is not None
    with pytest.raises(ProviderUnavailable):
        await gone.fetch((await played.started())[1])
    await gone.aclose()
