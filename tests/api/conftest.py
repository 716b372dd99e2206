"""What the tests of the whole API stand on."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx2
import pytest
import pytest_asyncio
from fastapi import FastAPI

from service_fixtures import Belongings, Caller
from tenancy_fixtures import TestTenant
from vezne import identity, orders, payments
from vezne.kernel import mail
from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import new_id, parse_id, public_id
from vezne.kernel.money import Money
from vezne.payments import queries_subscriptions
from vezne.payments.models_subscriptions import Subscription, SubscriptionStatus
from vezne.payments.operations import disputing, methods
from vezne.payments.providers.base import ProviderDispute, SeenMethod


@pytest.fixture
def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI of the whole service."""
    return app.openapi()


@pytest.fixture
def caller(http: httpx2.AsyncClient, tenant: TestTenant) -> Caller:
    """The tenant's application."""
    return Caller(http, tenant)


@pytest.fixture
def stranger(http: httpx2.AsyncClient, other_tenant: TestTenant) -> Caller:
    """Another tenant's application."""
    return Caller(http, other_tenant)


@pytest_asyncio.fixture
async def own(caller: Caller, db: Database) -> Belongings:
    """One of everything, the tenant's."""
    return await _with_what_others_make(db, caller)


@pytest_asyncio.fixture
async def foreign(stranger: Caller, db: Database) -> Belongings:
    """One of everything, the other tenant's."""
    return await _with_what_others_make(db, stranger)


async def _with_what_others_make(db: Database, caller: Caller) -> Belongings:
    """What no call of the API makes: a stored card and a dispute come from providers, mail and alerts from what happens."""
    found = await caller.belongings()
    async with db.transaction(caller.tenant.principal) as tx:
        customer = parse_id("cus", found["cus"])
        seen = SeenMethod(method_ref=f"card_{found['cus']}", customer_ref=None, brand="visa", last4="4242")
        await methods.keep(tx, "simulated", customer, None, seen)
        (stored,) = await payments.methods_of(tx, customer)
        letter = mail.Letter(to="ada@example.org", subject="Hello", text="Hello", purpose="receipt")
        posted = await mail.post(tx, letter)
        assert posted is not None
        billed = Subscription(
            id=new_id(),
            customer_id=customer,
            provider="simulated",
            purpose=found["mbs"],
            status=SubscriptionStatus.INCOMPLETE,
            plan_reference="pln",
            subscription_ref=None,
            page_ref=None,
            redirect_url=None,
            period_start=None,
            period_end=None,
            cancels_at_period_end=False,
            trial_until=None,
            looks=0,
            settled_look=0,
            polls=0,
            look_at=None,
            created_at=tx.now,
            ended_at=None,
        )
        assert await queries_subscriptions.insert_subscription(tx, billed)
        disputed = await _dispute(tx, found)
        alerted = await identity.raise_alert(tx, customer, "many_refunds", subject=found["pay"], facts={"count": 5})
        assert alerted is not None
    made = {
        "mtd": public_id("mtd", stored.id),
        "eml": public_id("eml", posted),
        "sub": public_id("sub", billed.id),
        "dsp": public_id("dsp", disputed),
        "alr": public_id("alr", alerted),
    }
    return replace(found, ids=found.ids | made)


async def _dispute(tx: Tx, found: Belongings) -> UUID:
    """About the money that came in vain, by word of its provider."""
    paid = await orders.unmatched(tx, parse_id("umt", found["umt"]))
    final = next(each for each in await payments.attempts(tx, [paid.payment_id]) if each.id == paid.attempt_id)
    seen = ProviderDispute(
        dispute_ref=f"dp_{new_id().hex}",
        provider_ref=final.provider_ref or "",
        status="needs_response",
        amount=Money(1, paid.currency),
        reason="fraudulent",
    )
    assert await disputing.settle(tx, final, seen)
    (made,) = await payments.disputes_page(tx, limit=1)
    return made.id
