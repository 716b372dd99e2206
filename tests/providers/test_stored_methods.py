"""What every provider in the list that keeps what it is paid with must do, played through the sandbox over real HTTP."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from desk_fixtures import Sandbox
from providers.played import Played, everybody
from tenancy_fixtures import TenantMaker
from vezne.kernel.db import Database
from vezne.payments.providers.base import Charging, Grade, ProviderRefused, RefundGrade

PLAYED = everybody()
KEEPING = [name for name, one in PLAYED.items() if one.capabilities.stored_methods]


@pytest.mark.unit
def test_a_provider_that_says_it_keeps_methods_charges_them_and_no_other_does() -> None:
    assert KEEPING
    for one in PLAYED.values():
        assert one.capabilities.stored_methods is (one.declining is not Played.declining)


@pytest_asyncio.fixture(params=KEEPING)
async def played(
    request: pytest.FixtureRequest, sandbox: Sandbox, db: Database, make_tenant: TenantMaker
) -> AsyncIterator[Played]:
    """One provider after the other."""
    chosen = PLAYED[request.param]
    tenant = await make_tenant(livemode=chosen.livemode, **chosen.settings)
    one = chosen(sandbox, db, tenant.tenant_id)
    yield one
    await one.provider.aclose()


async def test_what_a_payment_was_paid_with_is_kept_where_that_was_asked_for(played: Played) -> None:
    assert isinstance(played.provider, Charging)
    method = await played.stored()
    assert method.method_ref
    assert (len(method.last4), bool(method.brand)) == (4, True)
    assert (await played.provider.fetch(await played.captured())).method is None


async def test_a_stored_method_is_charged_while_the_customer_is_away(played: Played) -> None:
    request = played.charge_of(await played.stored())
    seen = await played.charging().charge(request)
    assert (seen.grade, seen.amount, seen.captured, seen.reference) == (
        Grade.CAPTURED,
        played.amount,
        played.amount,
        request.reference,
    )
    found = await played.provider.find(request.reference, tenant_id=played.tenant_id)
    assert found is not None
    assert (found.provider_ref, found.grade) == (seen.provider_ref, Grade.CAPTURED)
    refund = await played.ended(await played.provider.refund(played.refund(seen.provider_ref, 2_500)))
    assert refund.grade is RefundGrade.SUCCEEDED


async def test_the_same_reference_is_the_same_charge_asked_for_twice_at_once(played: Played) -> None:
    request = played.charge_of(await played.stored())
    first, again = await asyncio.gather(played.charging().charge(request), played.charging().charge(request))
    late = await played.charging().charge(request)
    assert len({seen.provider_ref for seen in (first, again, late)}) == 1


async def test_a_charge_that_is_declined_has_failed_and_says_why(played: Played) -> None:
    method, code = await played.declining()
    request = played.charge_of(method)
    for _ in range(2):
        seen = await played.charging().charge(request)
        assert (seen.grade, seen.captured.minor, seen.failure_code) == (Grade.FAILED, 0, code)


async def test_a_charge_that_needs_the_customer_takes_nothing(played: Played) -> None:
    seen = await played.charging().charge(played.charge_of(await played.asking()))
    assert (seen.grade, seen.captured.minor) == (Grade.REQUIRES_ACTION, 0)


async def test_a_forgotten_method_is_charged_no_more(played: Played) -> None:
    method = await played.stored()
    for _ in range(2):
        await played.charging().forget_method(method.method_ref)
    with pytest.raises(ProviderRefused):
        await played.charging().charge(played.charge_of(method))
