"""The simulated provider's own ways: answers that fail after the work is done, and Standard Webhooks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from standardwebhooks import Webhook

from desk_fixtures import KEY, SECRET, Sandbox
from providers.played_simulated import Simulated
from vezne.payments.providers.base import SignatureInvalid
from vezne.payments.providers.simulated import SimulatedProvider

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest_asyncio.fixture
async def played(sandbox: Sandbox) -> AsyncIterator[Simulated]:
    """The provider over its sandbox."""
    one = Simulated(sandbox)
    yield one
    await one.provider.aclose()


async def test_an_answer_of_500_is_asked_for_again(played: Simulated, sandbox: Sandbox) -> None:
    await sandbox.arm(api={"error_500_after": "create", "times": 2})
    request, ref = await played.started()
    assert await sandbox.fired("api.error_500_after") == 2
    found = await played.provider.find(request.reference)
    assert found is not None
    assert found.provider_ref == ref


async def test_the_payment_that_is_found_tells_where_it_is_paid(played: Simulated) -> None:
    request = played.request()
    started = await played.provider.start(request)
    found = await played.provider.find(request.reference)
    assert found is not None
    assert found.redirect_url == started.redirect_url


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
