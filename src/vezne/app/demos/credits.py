"""The credits story, through Stripe: a pack with a promo code, credits spent and refunded, a membership that renews by webhook.

What happens at Stripe is looked at, and its trial ended, through Stripe's own library, as its merchant would.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus

import stripe

from vezne.app.demos.story import Api, Step, StoryFailed, demand, trial_balance
from vezne.app.processes import this_deployment
from vezne.app.visitor import CARD, Visitor
from vezne.kernel.clock import real_now
from vezne.kernel.ids import new_id

CURRENCY, PACK_PRICE, PACK = "USD", 5_000, 50
PLAN_PRICE, MONTHLY, TRIAL_DAYS = 1_999, 100, 7


async def tell(api: Api) -> AsyncIterator[Step]:
    """Play the story; who takes the tenant's money is put back afterwards. Raises StoryFailed, PageUnexpected."""
    before = (await api.get("/v1/tenant"))["settings"]["other_providers"]
    await api.patch("/v1/tenant", {"settings": {"other_providers": sorted({*before, "stripe"})}})
    try:
        async for step in _tell(api, _merchant()):
            yield step
    except stripe.StripeError as error:
        raise StoryFailed(f"Stripe did not do what the story says: {error}") from error
    finally:
        await api.patch("/v1/tenant", {"settings": {"other_providers": before}})


def _merchant() -> stripe.StripeClient:
    """The deployment's own account at the sandbox's Stripe, through the official library."""
    deployment = this_deployment()
    settings, connection = deployment.settings, deployment.connection()
    base = settings.stripe_base_url or (connection.sandbox_url if connection else None)
    if settings.stripe_secret_key is None or base is None:
        raise StoryFailed("This story is told where the service runs: it looks at Stripe with the deployment's own key.")
    return stripe.StripeClient(settings.stripe_secret_key.get_secret_value(), base_addresses={"api": base})


async def _tell(api: Api, merchant: stripe.StripeClient) -> AsyncIterator[Step]:
    run = new_id().hex[-8:]
    who = {"reference": f"maya-{run}", "name": "Maya", "email": f"maya.{run}@example.com"}
    customer = (await api.post("/v1/customers", who))["id"]
    async for step in _buy(api, merchant, customer, run):
        yield step
    async for step in _use(api, customer):
        yield step
    async for step in _subscribe(api, merchant, customer, run):
        yield step
    yield await _forge(api)
    history = (await api.get(f"/payment/credits/history?customer_id={customer}"))["data"]
    lines = [f"{each['type']} {each['credits']} → {each['balance_after']}" for each in history]
    yield Step("The history of the credits, newest first", {"transactions": lines})
    yield await trial_balance(api)


async def _buy(api: Api, merchant: stripe.StripeClient, customer: str, run: str) -> AsyncIterator[Step]:
    asked = {"name": "Starter", "manner": "fixed", "units": PACK, "prices": {CURRENCY: PACK_PRICE}, "life_days": 365}
    pack = await api.post("/v1/credit-packs", asked)
    listed = {each["id"] for each in (await api.get("/payment/credit-packs?limit=100"))["data"]}
    demand(pack["id"] in listed, "The new pack is not on sale.")
    code = f"SAVE20-{run}".upper()
    fifth = {"name": "Twenty percent", "kind": "percentage", "percentage": 2_000, "max_uses": 1}
    promotion = await api.post("/v1/promotions", fifth)
    await api.post("/v1/promo-codes", {"promotion_id": promotion["id"], "code": code})
    basket = {"customer_id": customer, "currency": CURRENCY, "lines": [{"kind": "credit_pack", "item_id": pack["id"]}]}
    valid = await api.post("/payment/promo-codes/validate", {**basket, "promo_codes": [code.lower()]})
    facts = {"pack": pack["id"], "code": code, "discount_minor": valid["discount_minor"], "total_minor": valid["total_minor"]}
    yield Step("A pack of 50 credits for 50 USD is on sale, and a promo code takes a fifth off", facts)
    bought = await api.post(
        f"/payment/credit-packs/{pack['id']}/purchase",
        {"customer_id": customer, "currency": CURRENCY, "provider": "stripe", "promo_codes": [code]},
    )
    await Visitor(api.client).pay(bought["checkout_url"], CARD)
    balance = await api.until(f"/payment/credits/balance?customer_id={customer}", lambda found: found["credits"] == PACK)
    paid = await _seen_by_stripe(merchant, bought["order"]["total_minor"])
    facts = {"order": bought["order"]["id"], "at_stripe": paid, "credits": balance["credits"], "lots": balance["expiring"]}
    yield Step("It is paid on Stripe's Checkout page; the webhook grants the credits once", facts)
    again = await api.send("POST", "/payment/promo-codes/validate", {**basket, "promo_codes": [code]})
    refused = again.json()
    demand(refused["code"] == "PAY003", f"A code was good for a second use: {again.text}")
    mails = await api.until(f"/v1/mails?to={who_of(run)}", lambda found: len(found["data"]) > 0)
    facts = {"subject": mails["data"][0]["subject"], "mail": mails["data"][0]["id"], "code_again": refused["errors"][0]["type"]}
    yield Step("A receipt with its PDF went out; the code's only use is gone", facts)


def who_of(run: str) -> str:
    """The customer's address."""
    return f"maya.{run}@example.com"


async def _seen_by_stripe(merchant: stripe.StripeClient, amount: int) -> str:
    """What Stripe itself says of the newest payment."""
    intents = await asyncio.to_thread(merchant.v1.payment_intents.list, {"limit": 1})
    newest = intents.data[0]
    demand(newest.status == "succeeded" and newest.amount == amount, f"Stripe says {newest.status}, {newest.amount}.")
    return f"{newest.id} {newest.status} {newest.amount} {newest.currency}"


async def _use(api: Api, customer: str) -> AsyncIterator[Step]:
    wallet = (await api.get(f"/v1/wallets?customer_id={customer}&kind=credits"))["data"][0]["id"]
    spent = await api.post(
        f"/v1/wallets/{wallet}/debits",
        {"amount_minor": 30, "currency": "CREDIT", "description": "A session", "reference": {"type": "session", "id": "yoga"}},
    )
    back = await api.post("/payment/credits/refund", {"transaction_id": spent["id"], "credits": 10, "description": "cut short"})
    short = await api.send("POST", f"/v1/wallets/{wallet}/debits", {"amount_minor": 1_000, "currency": "CREDIT"})
    demand(short.json()["code"] == "PAY001", f"Credits were spent that were not there: {short.text}")
    facts = {"spent": spent["id"], "given_back": back["credits"], "left": back["balance_after"], "too_much": "PAY001"}
    yield Step("Thirty credits are spent, ten come back into the very lot; more than there is is refused", facts)


async def _subscribe(api: Api, merchant: stripe.StripeClient, customer: str, run: str) -> AsyncIterator[Step]:
    plan = await api.post(
        "/v1/plans",
        {
            "name": "Gold",
            "interval": "month",
            "prices": {CURRENCY: PLAN_PRICE},
            "credits_per_period": MONTHLY,
            "trial_days": TRIAL_DAYS,
            "family": f"story-{run}",
        },
    )
    asked = {
        "customer_id": customer,
        "currency": CURRENCY,
        "billing": "provider",
        "provider": "stripe",
        "return_url": f"{api.url}/checkout/back",
    }
    path = f"/payment/memberships/{plan['id']}/subscribe"
    begun = await api.post(path, asked)
    visitor = Visitor(api.client)
    page = await visitor.open(begun["redirect_url"])
    await visitor.send(page, "number", {"number": CARD, "expiry": "12/40", "cvc": "123"})
    current = f"/payment/memberships/current?customer_id={customer}"
    trial = await api.until(current, lambda found: found["status"] == "trialing")
    facts = {"membership": trial["id"], "status": trial["status"], "until": trial["period_end"]}
    yield Step("A membership with a week's trial, billed by Stripe: the card is given on Stripe's page", facts)
    twice = await api.send("POST", path, asked)
    demand(twice.json()["code"] == "PAY004", f"A second membership began: {twice.text}")
    subscription = await asyncio.to_thread(merchant.v1.subscriptions.list, {"limit": 1})
    ended = await asyncio.to_thread(merchant.v1.subscriptions.update, subscription.data[0].id, {"trial_end": "now"})
    active = await api.until(current, lambda found: found["status"] == "active")
    wanted = PACK - 20 + MONTHLY
    balance = await api.until(f"/payment/credits/balance?customer_id={customer}", lambda found: found["credits"] == wanted)
    facts = {"subscription": ended.id, "status": active["status"], "credits": balance["by_type"], "subscribed_twice": "PAY004"}
    yield Step("The trial is ended at Stripe; its invoice's webhook pays the first month and grants its credits", facts)
    left = await api.post("/payment/memberships/cancel", {"customer_id": customer, "reason": "not_used", "comment": "travelling"})
    facts = {"ends_at": left["period_end"], "reason": "not_used", "status": left["status"]}
    yield Step("It is cancelled at the end of what is paid, with the reason of leaving", facts)


async def _forge(api: Api) -> Step:
    stamp = int((real_now() - timedelta(seconds=1)).timestamp())
    headers = {"Stripe-Signature": f"t={stamp},v1={'0' * 64}", "Content-Type": "application/json"}
    body = b'{"id": "evt_forged", "object": "event", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}'
    answer = await api.client.post(f"{api.url}/payment/webhooks/stripe", content=body, headers=headers)
    demand(answer.status_code == HTTPStatus.UNAUTHORIZED, f"A forged webhook was believed: {answer.text}")
    return Step("A forged webhook is kept and not believed", {"answer": answer.json()["code"]})
