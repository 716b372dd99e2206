"""What every provider in the list must do, played through the sandbox over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from standardwebhooks import Webhook

from desk_fixtures import DECLINED, DELAYED, GOOD, KEY, RETURN_URL, SECRET, Sandbox
from vezne.kernel.money import Money
from vezne.kernel.settings import Settings
from vezne.payments.providers import PROVIDERS
from vezne.payments.providers.base import (
    Grade,
    Provider,
    ProviderRefused,
    ProviderUnavailable,
    RefundGrade,
    RefundRequest,
    SignatureInvalid,
    StartRequest,
)
from vezne.payments.providers.simulated import SimulatedProvider

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AMOUNT = Money(10_000, "TRY")

Play = Callable[..., Awaitable[dict[str, Any]]]


@dataclass
class Played:
    """A provider and who plays its customer."""

    provider: Provider
    play: Play
    made: int = 0

    def request(self, **changes: object) -> StartRequest:
        self.made += 1
        facts: dict[str, Any] = {
            "reference": f"att_{self.made}",
            "amount": AMOUNT,
            "return_url": RETURN_URL,
            "webhook_url": "http://127.0.0.1:9/hook",
            **changes,
        }
        return StartRequest(**facts)

    async def captured(self) -> str:
        started = await self.provider.start(self.request())
        await self.play(started.provider_ref, GOOD)
        return started.provider_ref


def simulated(sandbox: Sandbox) -> Played:
    """The simulated provider, as the settings make it."""
    made = PROVIDERS["simulated"](
        Settings(
            simulated_base_url=sandbox.url,
            simulated_api_key=SecretStr(KEY),
            simulated_webhook_secret=SecretStr(SECRET),
            _env_file=None,
        )
    )
    assert made is not None
    return Played(made, sandbox.play)


PLAYED: dict[str, Callable[[Sandbox], Played]] = {"simulated": simulated}


def test_every_provider_in_the_list_is_played_here() -> None:
    assert PLAYED.keys() == PROVIDERS.keys()


@pytest_asyncio.fixture(params=PROVIDERS)
async def played(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[Played]:
    """One provider after the other."""
    one = PLAYED[request.param](sandbox)
    yield one
    await one.provider.aclose()


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_without_credentials_is_not_there(name: str) -> None:
    assert PROVIDERS[name](Settings(_env_file=None)) is None


async def test_its_name_is_the_one_it_is_listed_under(played: Played) -> None:
    assert PROVIDERS.keys() >= {played.provider.name}


async def test_the_same_reference_is_the_same_payment(played: Played) -> None:
    request = played.request()
    first, again = await asyncio.gather(played.provider.start(request), played.provider.start(request))
    assert first == again
    found = await played.provider.find(request.reference)
    assert found is not None
    assert (found.provider_ref, found.reference, found.redirect_url) == (
        first.provider_ref,
        request.reference,
        first.redirect_url,
    )
    assert await played.provider.find("att_nobody") is None


async def test_a_good_card_is_captured_whole(played: Played) -> None:
    seen = await played.provider.fetch(await played.captured())
    assert (seen.grade, seen.amount, seen.captured, seen.refunded) == (Grade.CAPTURED, AMOUNT, AMOUNT, Money(0, "TRY"))


async def test_a_declined_card_says_why(played: Played) -> None:
    started = await played.provider.start(played.request())
    await played.play(started.provider_ref, DECLINED)
    seen = await played.provider.fetch(started.provider_ref)
    assert (seen.grade, seen.captured.minor, seen.failure_code) == (Grade.FAILED, 0, "card_declined")


async def test_promised_and_delayed_money_is_not_captured_money(played: Played) -> None:
    started = await played.provider.start(played.request())
    await played.play(started.provider_ref, DELAYED)
    assert (await played.provider.fetch(started.provider_ref)).grade is Grade.PROCESSING
    if played.provider.capabilities.manual_capture:
        started = await played.provider.start(played.request(manual_capture=True))
        await played.play(started.provider_ref, GOOD)
        seen = await played.provider.fetch(started.provider_ref)
        assert (seen.grade, seen.captured.minor) == (Grade.AUTHORISED, 0)
        for _ in range(2):
            assert (await played.provider.capture(started.provider_ref, AMOUNT)).grade is Grade.CAPTURED


async def test_an_unpaid_payment_is_closed_and_a_paid_one_is_returned_as_it_is(played: Played) -> None:
    if not played.provider.capabilities.cancel:
        pytest.skip("it cannot close payments")
    started = await played.provider.start(played.request())
    for _ in range(2):
        assert (await played.provider.cancel(started.provider_ref)).grade is Grade.CANCELLED
    assert (await played.provider.cancel(await played.captured())).grade is Grade.CAPTURED


async def test_the_same_refund_reference_is_the_same_refund(played: Played) -> None:
    request = RefundRequest(reference="ref_1", provider_ref=await played.captured(), amount=Money(2_500, "TRY"))
    first, again = await asyncio.gather(played.provider.refund(request), played.provider.refund(request))
    assert first == again
    assert (first.grade, first.amount) == (RefundGrade.SUCCEEDED, Money(2_500, "TRY"))
    assert await played.provider.fetch_refund(first.refund_ref) == first
    assert (await played.provider.fetch(request.provider_ref)).refunded == Money(2_500, "TRY")


async def test_a_refund_of_more_than_there_is_is_refused(played: Played) -> None:
    request = RefundRequest(reference="ref_1", provider_ref=await played.captured(), amount=Money(10_001, "TRY"))
    with pytest.raises(ProviderRefused):
        await played.provider.refund(request)


@pytest.mark.parametrize("ref", ["sim_pay_nobody", "../faults", "", "a b", "x?y=1", "é"])
async def test_a_payment_it_does_not_know_is_refused(played: Played, ref: str) -> None:
    with pytest.raises(ProviderRefused):
        await played.provider.fetch(ref)


async def test_a_provider_that_is_away_is_unavailable() -> None:
    gone = SimulatedProvider(
        base_url="http://127.0.0.1:9", api_key=KEY, webhook_secret=SECRET, timeout=timedelta(milliseconds=100)
    )
    with pytest.raises(ProviderUnavailable):
        await gone.fetch("sim_pay_x")
    await gone.aclose()


async def test_an_answer_of_500_is_asked_for_again(played: Played, sandbox: Sandbox) -> None:
    await sandbox.arm(api={"error_500_after": "create", "times": 2})
    request = played.request()
    started = await played.provider.start(request)
    assert await sandbox.fired("api.error_500_after") == 2
    found = await played.provider.find(request.reference)
    assert found is not None
    assert found.provider_ref == started.provider_ref


# Signed by the library that the Standard Webhooks specification's authors publish.
BODY = b'{"id":"evt_1","type":"payment.succeeded","created_at":"x","data":{"id":"sim_pay_1"}}'
WRONG = "v1,z/OAu5cDEFfX/bR5u7t9Tlv+SWTnAKFsdMLxX2tTp+k="


def headers(**changes: str) -> dict[str, str]:
    signed = Webhook(SECRET).sign("evt_1", NOW, BODY.decode())
    base = {"webhook-id": "evt_1", "webhook-timestamp": str(int(NOW.timestamp())), "webhook-signature": signed}
    return {**base, **changes}


@pytest.fixture
def reader() -> SimulatedProvider:
    return SimulatedProvider(base_url="http://127.0.0.1:9", api_key=KEY, webhook_secret=SECRET)


def test_a_genuine_webhook_is_read(reader: SimulatedProvider) -> None:
    notice = reader.read_webhook(BODY, headers(), NOW)
    assert (notice.event_id, notice.type, notice.provider_ref) == ("evt_1", "payment.succeeded", "sim_pay_1")


def test_one_genuine_signature_among_others_is_enough(reader: SimulatedProvider) -> None:
    genuine = headers()["webhook-signature"]
    reader.read_webhook(BODY, headers(**{"webhook-signature": f"garbage v2,abc v1,AAAA {genuine}"}), NOW)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_webhook_at_the_edge_of_its_time_is_read(reader: SimulatedProvider, seconds: int) -> None:
    reader.read_webhook(BODY, headers(), NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_webhook_out_of_its_time_is_not_believed(reader: SimulatedProvider, seconds: int) -> None:
    with pytest.raises(SignatureInvalid):
        reader.read_webhook(BODY, headers(), NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "nocomma"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v1a," + "A" * 86},
        {"webhook-signature": WRONG},
        {"webhook-id": "evt_2"},
        {"webhook-id": ""},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "１７００００００００"},
        {"webhook-timestamp": "99999999999"},
    ],
)
def test_a_webhook_with_anything_wrong_is_not_believed(reader: SimulatedProvider, changes: dict[str, str]) -> None:
    with pytest.raises(SignatureInvalid):
        reader.read_webhook(BODY, headers(**changes), NOW)


@pytest.mark.parametrize("raw", [b"", BODY + b" ", BODY.replace(b"succeeded", b"succeedeD"), b"\xff\xfe", b"[]"])
def test_other_bytes_than_were_signed_are_not_believed(reader: SimulatedProvider, raw: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        reader.read_webhook(raw, headers(), NOW)
