"""The tenant's `payment_mode` chooses the client (SR2, SR6), and an attempt stays with the client it was begun with."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from pydantic import SecretStr
from standardwebhooks import Webhook

from desk_fixtures import DECLINED, GOOD, RETURN_URL, Desk, Sandbox, serving
from magicpay_fixtures import API_SECRET, KEY, WEBHOOK_SECRET, MagicPayMerchant
from tenancy_fixtures import TenantMaker
from vezne import identity, payments
from vezne.app.http import create_app
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id
from vezne.kernel.settings import Settings
from vezne.payments import PaymentStatus
from vezne.payments.providers.base import SignatureInvalid
from vezne.payments.providers.magicpay import MagicPay
from vezne.payments.providers.magicpay_live import signature

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BODY = b'{"id":"mpe_1","type":"session.paid","created_at":"x","data":{"id":"mps_1"}}'


def settings(sandbox_url: str, **more: Any) -> Settings:  # noqa: ANN401 - settings of any type
    """A deployment whose MagicPay is the sandbox's."""
    return Settings(
        magic_pay_base_url=sandbox_url,
        magic_pay_api_key=SecretStr(KEY),
        magic_pay_secret=SecretStr(API_SECRET),
        magic_pay_webhook_secret=SecretStr(WEBHOOK_SECRET),
        _env_file=None,
        **more,
    )


@dataclass
class Live(Desk):
    """A desk of a live tenant of MagicPay."""

    @property
    def magicpay(self) -> MagicPayMerchant:
        """The other side."""
        return MagicPayMerchant(self.sandbox.url)

    async def settled(self, payment: payments.Payment) -> payments.Payment:
        """The payment once it has ended or was declined; its worker is at work meanwhile."""
        async with asyncio.timeout(20):
            while (seen := await self.payment(payment.id)).status not in {"succeeded", "failed"} and seen.last_error is None:
                await self.work("payments.act_on_webhook")
                await asyncio.sleep(0.02)
        return seen


@pytest_asyncio.fixture
async def live(
    db: Database, make_tenant: TenantMaker, sandbox: Sandbox, owner: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Live]:
    """The whole service on a real port, which MagicPay's webhooks reach."""
    tenant = await make_tenant(livemode=True, payment_provider="MAGIC_PAY", payment_mode="live")
    app = create_app(settings(sandbox.url), db=db)
    async with app.router.lifespan_context(app), serving(app) as url:
        app.state.gateways = replace(app.state.gateways, public_url=url)
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
            yield Live(db, tenant, app.state.gateways, sandbox, http, owner)


async def test_live_is_paid_by_webhook_over_real_http(live: Live) -> None:
    asked = await live.pay()
    ref = await live.start(asked.id)
    assert ref.startswith("mps_")
    await live.magicpay.play(ref, GOOD)
    assert (await live.settled(asked)).status is PaymentStatus.SUCCEEDED
    assert await live.held("clearing:magicpay") == -10_000
    heard = await live.get(f"/v1/payments/{public_id('pay', asked.id)}/transactions")
    assert heard["data"][0]["provider_response"]["object"] == "session"


async def test_live_survives_every_fault_of_its_webhooks(live: Live) -> None:
    await live.magicpay.arm(seed=7, webhooks={"duplicate": 3, "forge": True, "stale": True, "drop_first": 1, "delay_ms": 20})
    paid, declined = await live.pay(), await live.pay()
    for asked, card in ((paid, GOOD), (declined, DECLINED)):
        await live.magicpay.play(await live.start(asked.id), card)
    assert (await live.settled(paid)).status is PaymentStatus.SUCCEEDED
    assert (await live.settled(declined)).last_error == "card_declined"
    assert await live.magicpay.fired("webhooks.forge") >= 1
    assert await live.held("clearing:magicpay") == -10_000
    assert {hook["outcome"] for hook in await live.webhooks()} >= {"forged", "applied"}


async def test_a_live_refund_goes_back_by_the_same_road(live: Live) -> None:
    asked = await live.pay()
    await live.magicpay.play(await live.start(asked.id), GOOD)
    await live.finalise(asked.id)
    async with live.db.transaction(live.principal) as tx:
        await payments.refund(tx, asked.id, 4_000)
    await live.work("payments.refund_at_provider")
    assert (await live.payment(asked.id)).refunded_minor == 4_000
    assert await live.held("clearing:magicpay") == -6_000


async def test_a_lost_answer_to_a_start_is_looked_up(live: Live) -> None:
    await live.magicpay.arm(api={"error_500_after": "create", "times": 3})
    asked = await live.pay()
    with pytest.raises(payments.ProviderUnavailable):
        await live.start(asked.id)
    ref = await live.start(asked.id)
    assert len((await live.magicpay.told("GET", "/sessions"))["data"]) == 1
    assert ref == (await live.magicpay.told("GET", "/sessions"))["data"][0]["id"]


@pytest.mark.parametrize("mode", ["demo_local", "GATEWAY_DEMO"])
async def test_both_demo_modes_are_played_in_process(db: Database, make_tenant: TenantMaker, mode: str) -> None:
    tenant = await make_tenant(payment_provider="MAGIC_PAY", payment_mode=mode)
    gateways = payments.Gateways({"magicpay": _bound(db)}, public_url="http://127.0.0.1:9")
    desk = Desk(db, tenant, gateways, None, None, None)  # type: ignore[arg-type]  # nobody outside is spoken to
    asked = await desk.pay()
    ref = await desk.start(asked.id)
    assert ref.startswith("session_")
    await _magicpay(gateways).demo.pay(ref, GOOD)
    assert (await desk.finalise(asked.id)).status is PaymentStatus.SUCCEEDED


async def test_a_demo_mode_takes_no_money_for_a_live_tenant(db: Database, make_tenant: TenantMaker) -> None:
    tenant = await make_tenant(livemode=True, payment_provider="MAGIC_PAY")
    gateways = payments.Gateways({"magicpay": _bound(db)}, public_url="http://127.0.0.1:9")
    desk = Desk(db, tenant, gateways, None, None, None)  # type: ignore[arg-type]  # as above
    asked = await desk.pay()
    with pytest.raises(payments.ProviderRefused, match="demo_mode_in_live_tenant"):
        await desk.start(asked.id)
    async with db.transaction(tenant.principal, read_only=True) as tx:
        assert await tx.fetchval("SELECT count(*) FROM magicpay_sessions WHERE tenant_id = $1", tx.tenant_id) == 0


async def test_live_without_credentials_is_unavailable_and_begins_once_they_are_set(live: Live) -> None:
    bare = replace(live.gateways, providers={"magicpay": _bound(live.db)})
    asked = await live.pay()
    with pytest.raises(payments.ProviderUnavailable, match="credentials"):
        await payments.start_attempt(live.db, bare, live.principal, asked.id, return_url=RETURN_URL)
    assert (await live.start(asked.id)).startswith("mps_")
    (attempt,) = await live.attempts(asked.id)
    assert attempt.number == 1


async def test_an_attempt_stays_with_the_client_it_was_begun_with(live: Live) -> None:
    asked = await live.pay()
    ref = await live.start(asked.id)
    async with live.db.transaction(live.principal) as tx:
        await identity.change_tenant(tx, settings={"payment_mode": "GATEWAY_DEMO"})
    await live.magicpay.play(ref, GOOD)
    assert (await live.finalise(asked.id)).status is PaymentStatus.SUCCEEDED


async def test_the_demo_believes_no_webhook() -> None:
    with pytest.raises(SignatureInvalid):
        MagicPay.from_settings(Settings(_env_file=None)).read_webhook(BODY, _headers(), NOW)


def _headers(secret: str | bytes = WEBHOOK_SECRET, **changes: str) -> dict[str, str]:
    signed = Webhook(secret).sign("mpe_1", NOW, BODY.decode())
    base = {"webhook-id": "mpe_1", "webhook-timestamp": str(int(NOW.timestamp())), "webhook-signature": signed}
    return {**base, **changes}


@pytest.mark.parametrize("secret", [WEBHOOK_SECRET, "any other text is the key itself"])
async def test_webhooks_are_believed_by_their_secret(secret: str) -> None:
    chosen = settings("http://127.0.0.1:9").model_copy(update={"magic_pay_webhook_secret": SecretStr(secret)})
    provider = MagicPay.from_settings(chosen)
    key = secret if secret.startswith("whsec_") else secret.encode()
    notice = provider.read_webhook(BODY, _headers(key), NOW)
    assert (notice.event_id, notice.type, notice.provider_ref) == ("mpe_1", "session.paid", "mps_1")
    for changes in (_headers("whsec_" + "A" * 32), _headers(key, **{"webhook-id": "mpe_2"}), {}):
        with pytest.raises(SignatureInvalid):
            provider.read_webhook(BODY, changes, NOW)
    with pytest.raises(SignatureInvalid):
        provider.read_webhook(BODY, _headers(key), NOW + timedelta(minutes=6))
    await provider.aclose()


@pytest.mark.unit
def test_the_signature_of_a_request_is_this_one() -> None:
    """Worked out by hand: `printf 'POST\\n/magicpay/v1/sessions\\n1700000000\\n{}' | openssl dgst -sha256 -hmac secret`."""
    made = signature("secret", "POST", "/magicpay/v1/sessions", "1700000000", b"{}")
    assert made == "v1=59eb564a251d8e496538a76f55067dbd1276e0b4ef6322c762ddbf5e5470f028"


def _bound(db: Database) -> MagicPay:
    provider = MagicPay.from_settings(Settings(_env_file=None))
    provider.bind(db)
    return provider


def _magicpay(gateways: payments.Gateways) -> MagicPay:
    found = gateways.provider("magicpay")
    assert isinstance(found, MagicPay)
    return found
