"""The adapter to Stripe against the sandbox over real HTTP: what is its own, beside what every provider must do."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from desk_fixtures import Sandbox
from providers.played import Played
from providers.played_stripe import GOOD, POOR, STRIPE_KEY, STRIPE_SECRET, Stripe, act, ask
from sandbox.merchant import serving
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.payments.providers.base import (
    Grade,
    Payer,
    ProviderRefused,
    ProviderUnavailable,
    RefundGrade,
    StartRequest,
    WebhookNotice,
)
from vezne.payments.providers.stripe import StripeProvider
from vezne.payments.providers.stripe_lookup import made_at
from vezne.payments.providers.stripe_requests import page
from vezne.payments.tenant_texts import tenant_text

DISPUTED, INQUIRED, SLOW_REFUND, FAILED_REFUND = "4000000000000259", "4000000000001976", "4000000000007726", "4000000000005126"
ASKING = "4000002760003184"


@pytest_asyncio.fixture
async def shop(sandbox: Sandbox) -> AsyncIterator[Stripe]:
    """Stripe, and its customers."""
    one = Stripe(sandbox)
    yield one
    await one.provider.aclose()


def stripe(shop: Played) -> StripeProvider:
    """The adapter."""
    assert isinstance(shop.provider, StripeProvider)
    return shop.provider


def fresh(ago: timedelta = timedelta()) -> str:
    """A reference as payments make it, made so long ago."""
    number = new_id().int
    late = (number >> 80) - int(ago.total_seconds() * 1000)
    return public_id("att", UUID(int=late << 80 | number & ((1 << 80) - 1)))


async def pages(sandbox: Sandbox, reference: str) -> list[dict[str, Any]]:
    """The Checkout pages there are under a reference."""
    found = await ask(sandbox, "GET", "/v1/checkout/sessions", limit="100")
    return [one for one in found["data"] if one["client_reference_id"] == reference]


async def test_a_page_says_everything_that_was_asked(shop: Stripe) -> None:
    """CC6: in the customer's language, of what Stripe offers them, closed within its limits, and ours to recognise."""
    request = shop.request(
        reference=fresh(),
        payer=Payer(email="ada@shop.example"),
        locale="tr-TR",
        description="Ten credits",
        save_method=True,
        manual_capture=True,
    )
    started = await shop.provider.start(request)
    (made_page,) = await pages(shop.sandbox, request.reference)
    assert (made_page["id"], made_page["url"]) == (started.provider_ref, started.redirect_url)
    assert (made_page["locale"], made_page["customer_email"], made_page["success_url"]) == (
        "tr",
        "ada@shop.example",
        request.return_url,
    )
    assert made_page["metadata"] == {"reference": request.reference, "tenant": tenant_text(request.tenant_id)}
    made = made_at(request.reference)
    assert made is not None
    assert made_page["expires_at"] == int((made + timedelta(hours=2)).timestamp())
    await act(shop.sandbox, started.provider_ref, method="apple_pay")
    seen = await shop.provider.fetch(started.provider_ref)
    assert (seen.grade, seen.method is not None, seen.customer_ref is not None) == (Grade.AUTHORISED, True, True)


@pytest.mark.parametrize("method", ["apple_pay", "google_pay", "link"])
async def test_wallets_on_a_phone_pay_like_cards(shop: Stripe, method: str) -> None:
    """CM12: Apple Pay and Google Pay are methods of the same page."""
    _, ref = await shop.started()
    await act(shop.sandbox, ref, method=method)
    assert (await shop.provider.fetch(ref)).grade is Grade.CAPTURED


async def test_a_repeat_with_another_address_of_the_payer_is_the_same_page(shop: Stripe) -> None:
    request = shop.request(reference=fresh(), payer=Payer(email="old@shop.example"))
    first = await shop.provider.start(request)
    changed = shop.request(reference=request.reference, payer=Payer(email="new@shop.example"))
    assert await shop.provider.start(changed) == first
    assert len(await pages(shop.sandbox, request.reference)) == 1


async def test_an_answer_that_comes_too_late_leaves_one_page(shop: Stripe) -> None:
    """The provider answers after our time-out: asked again under the same key, it is the same page."""
    hasty = StripeProvider(
        base_url=shop.sandbox.url, secret_key=STRIPE_KEY, webhook_secrets=(STRIPE_SECRET,), timeout=timedelta(milliseconds=300)
    )
    await shop.sandbox.arm(api={"timeout_after": "create", "hang_ms": 2000})
    request = shop.request(reference=fresh())
    started = await hasty.start(request)
    assert [one["id"] for one in await pages(shop.sandbox, request.reference)] == [started.provider_ref]
    assert await shop.sandbox.fired("api.timeout_after") == 1
    await hasty.aclose()


async def test_a_page_whose_answer_was_an_error_is_found(shop: Stripe) -> None:
    """Stripe answers the same key with the same error for a day; what was made all the same is looked for."""
    await shop.sandbox.arm(api={"error_500_after": "create"})
    request = shop.request(reference=fresh())
    with pytest.raises(ProviderUnavailable):
        await shop.provider.start(request)
    found = await shop.provider.find(request.reference)
    assert found is not None
    assert (found.grade, found.reference, found.redirect_url is not None) == (Grade.PENDING, request.reference, True)


@pytest.mark.parametrize("ago", [timedelta(), timedelta(hours=1), timedelta(days=40)])
async def test_what_was_made_late_under_an_old_reference_is_found_too(shop: Stripe, ago: timedelta) -> None:
    request = shop.request(reference=fresh(ago))
    started = await shop.provider.start(request)
    found = await shop.provider.find(request.reference)
    assert found is not None
    assert found.provider_ref == started.provider_ref
    assert await shop.provider.find(fresh(ago)) is None


async def test_a_charge_of_long_ago_is_not_made_again(shop: Stripe) -> None:
    """Idempotency keys are forgotten after a day: what is older is looked for first."""
    method = await shop.stored()
    request = shop.charge_of(method)
    reference = fresh(timedelta(days=3))
    assert method.customer_ref is not None
    made = await ask(
        shop.sandbox,
        "POST",
        "/v1/payment_intents",
        **{
            "amount": "10000",
            "currency": "try",
            "customer": method.customer_ref,
            "payment_method": method.method_ref,
            "confirm": "true",
            "off_session": "true",
            "metadata[reference]": reference,
        },
    )
    again = type(request)(**{**{name: getattr(request, name) for name in request.__slots__}, "reference": reference})
    seen = await stripe(shop).charge(again)
    assert (seen.provider_ref, seen.grade) == (made["id"], Grade.CAPTURED)


async def test_a_declined_card_leaves_the_page_open_for_another(shop: Stripe) -> None:
    _, ref = await shop.started()
    await act(shop.sandbox, ref, card=POOR)
    seen = await shop.provider.fetch(ref)
    assert (seen.grade, seen.failure_code) == (Grade.PENDING, "insufficient_funds")
    await act(shop.sandbox, ref, card=GOOD)
    seen = await shop.provider.fetch(ref)
    assert (seen.grade, seen.failure_code) == (Grade.CAPTURED, None)


async def test_a_bank_that_asks_its_customer_is_waited_for(shop: Stripe) -> None:
    _, ref = await shop.started()
    await act(shop.sandbox, ref, card=ASKING, three_ds="abandon")
    assert (await shop.provider.fetch(ref)).grade is Grade.REQUIRES_ACTION
    assert (await shop.provider.cancel(ref)).grade is Grade.CANCELLED


async def test_promised_money_is_let_go(shop: Stripe) -> None:
    request, ref = await shop.started(manual_capture=True)
    await shop.pay(request, ref)
    assert (await shop.provider.cancel(ref)).grade is Grade.CANCELLED
    assert (await shop.provider.capture(ref, shop.amount)).grade is Grade.CANCELLED


@pytest.mark.parametrize(
    "amount", [Money(500, "JPY"), Money(5_120, "KWD"), Money(5, "ISK"), Money(50_000, "MGA"), Money(9, "UGX")]
)
async def test_every_kind_of_currency_is_paid_exactly(shop: Stripe, amount: Money) -> None:
    """CM12: currencies without minor units and with three."""
    request, ref = await shop.started(amount=amount)
    await shop.pay(request, ref)
    seen = await shop.provider.fetch(ref)
    assert (seen.amount, seen.captured) == (amount, amount)


async def test_an_amount_that_stripe_cannot_take_is_refused_before_anything_is_asked(shop: Stripe) -> None:
    with pytest.raises(ProviderRefused, match="amount_needs_last_digit_zero"):
        await shop.provider.start(shop.request(amount=Money(5_124, "KWD")))
    with pytest.raises(ProviderRefused, match="amount_too_small"):
        await shop.provider.start(shop.request(amount=Money(1, "USD")))


async def test_every_name_that_an_event_brings_leads_to_the_payment(shop: Stripe) -> None:
    ref = await shop.captured()
    seen = await shop.provider.fetch(ref)
    refund = await shop.provider.refund(shop.refund(ref, 100))
    intent, charge = str(seen.response["payment_intent"]), str(seen.response["latest_charge"])
    for name in (intent, charge, refund.refund_ref):
        assert (await shop.provider.fetch(name)).provider_ref == ref
    for stranger in ("pi_none", "ch_none", "re_none", "cs_none", "cus_none"):
        with pytest.raises(ProviderRefused):
            await shop.provider.fetch(stranger)


async def test_a_refund_is_recognised_when_its_key_is_long_forgotten(shop: Stripe) -> None:
    ref = await shop.captured()
    request = shop.refund(ref, 2_500)
    intent = str((await shop.provider.fetch(ref)).response["payment_intent"])
    asked = {"payment_intent": intent, "amount": "2500", "metadata[reference]": request.reference}
    made = await ask(shop.sandbox, "POST", "/v1/refunds", **asked)
    assert (await shop.provider.refund(request)).refund_ref == made["id"]
    assert (await shop.provider.fetch(ref)).refunded == Money(2_500, "TRY")


async def test_a_refund_may_take_its_time_or_fail(shop: Stripe) -> None:
    for card, grade in ((SLOW_REFUND, RefundGrade.SUCCEEDED), (FAILED_REFUND, RefundGrade.FAILED)):
        _, ref = await shop.started()
        await act(shop.sandbox, ref, card=card)
        first = await shop.provider.refund(shop.refund(ref, 1_000))
        if grade is RefundGrade.SUCCEEDED:
            assert first.grade is RefundGrade.PENDING
            assert (await shop.ended(first)).grade is grade
            continue
        async with asyncio.timeout(10):
            while (seen := await shop.provider.fetch_refund(first.refund_ref)).grade is not grade:
                await asyncio.sleep(0.05)
        assert seen.failure_code
        assert (await shop.provider.fetch(ref)).refunded.minor == 0


async def test_a_dispute_names_its_payment_and_an_inquiry_is_none(shop: Stripe) -> None:
    found = {}
    for card in (DISPUTED, INQUIRED):
        _, ref = await shop.started()
        await act(shop.sandbox, ref, card=card)
        intent = (await shop.provider.fetch(ref)).response["payment_intent"]
        async with asyncio.timeout(10):
            while not (rows := (await ask(shop.sandbox, "GET", "/v1/disputes", payment_intent=str(intent)))["data"]):
                await asyncio.sleep(0.05)
        found[card] = rows[0]["id"], ref
    dispute_ref, ref = found[DISPUTED]
    dispute = await stripe(shop).fetch_dispute(dispute_ref)
    assert (dispute.provider_ref, dispute.status, dispute.amount) == (ref, "needs_response", shop.amount)
    assert dispute.respond_by is not None
    with pytest.raises(ProviderRefused, match="inquiry"):
        await stripe(shop).fetch_dispute(found[INQUIRED][0])
    about = WebhookNotice(event_id="e", type="t", provider_ref=None, dispute_ref=dispute_ref)
    assert await stripe(shop).whose(about) == tenant_text(shop.tenant_id)


async def test_whose_an_event_is_stands_on_what_it_is_about(shop: Stripe) -> None:
    intent = str((await shop.provider.fetch(await shop.captured())).response["payment_intent"])
    assert await stripe(shop).whose(WebhookNotice(event_id="e", type="t", provider_ref=intent)) == tenant_text(shop.tenant_id)
    for ref in ("pi_none", None):
        assert await stripe(shop).whose(WebhookNotice(event_id="e", type="t", provider_ref=ref)) is None


async def test_a_key_that_stripe_does_not_take_refuses_no_payment(shop: Stripe) -> None:
    """A refund must not count as failed because our key was changed."""
    other = StripeProvider(base_url=shop.sandbox.url, secret_key="sk_test_old", webhook_secrets=(STRIPE_SECRET,))
    with pytest.raises(ProviderUnavailable, match="our key is not taken"):
        await other.start(shop.request())
    await other.aclose()


def _answers(request: Request) -> Response:
    """What a broken proxy or a strange version may answer."""
    kind = request.path_params["kind"]
    odd: dict[str, Response] = {
        "cs_html": HTMLResponse("<h1>Bad gateway</h1>", 502),
        "cs_text": PlainTextResponse("OK"),
        "cs_list": JSONResponse([]),
        "cs_empty": JSONResponse({"id": "cs_empty", "object": "checkout.session"}),
        "cs_odd": JSONResponse({"id": "cs_odd", "object": "checkout.session", "mode": "payment", "status": 7}),
        "cs_error": JSONResponse({"error": "nothing that Stripe says"}, 400),
        "cs_busy": JSONResponse({"error": {"type": "invalid_request_error", "code": "rate_limit"}}, 429),
        "cs_final": JSONResponse({"error": {"type": "api_error"}}, 500, {"stripe-should-retry": "false"}),
    }
    request.app.state.asked.append(kind)
    return odd[kind]


async def test_an_answer_that_nobody_can_read_is_none() -> None:
    app = Starlette(routes=[Route("/v1/checkout/sessions/{kind}", _answers)])
    app.state.asked = []
    async with serving(app) as url:
        odd = StripeProvider(base_url=url, secret_key="sk_test_x", webhook_secrets=("whsec_x",))
        kinds = ("cs_html", "cs_text", "cs_list", "cs_odd", "cs_busy", "cs_final")
        for kind in kinds:
            with pytest.raises(ProviderUnavailable):
                await odd.fetch(kind)
        for kind in ("cs_empty", "cs_error"):
            with pytest.raises((ProviderUnavailable, ProviderRefused)):
                await odd.fetch(kind)
        await odd.aclose()
    asked: list[str] = app.state.asked
    assert (asked.count("cs_html"), asked.count("cs_busy"), asked.count("cs_final")) == (3, 3, 1)


def test_the_same_request_gives_the_same_parameters_whenever_it_is_made() -> None:
    request = StartRequest(
        reference=fresh(),
        amount=Money(100, "TRY"),
        return_url="https://shop.example/back",
        webhook_url="https://shop.example/hook",
    )
    made = made_at(request.reference)
    assert made is not None
    assert page(request, made) == page(request, made + timedelta(minutes=80))
    late = page(request, made + timedelta(hours=5))
    assert late["expires_at"] == int((made + timedelta(hours=7)).timestamp())
