"""Memberships ordered over HTTP: subscribing to a plan, and changing to another one now.

What we bill is an order of one line, paid at the checkout or by a stored method. What a provider bills is agreed to on its page,
which is asked for once the membership is committed.
"""

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vezne import identity, memberships, payments
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.http import Edge, Handler, RequestModel, TransactionalRoute, TxDep, refusals, requires, router
from vezne.kernel.idempotency import REPLAYED
from vezne.kernel.ids import PublicId, parse_id, public_id
from vezne.kernel.money import AmountOutOfRange, Currency
from vezne.memberships import MembershipOut
from vezne.orders.api.orders import PRICING, PROMOS, TENDERING
from vezne.orders.api.schemas import CustomerId, Metadata, PlacedOut, PromoCodes, ReturnUrl, shown_placed
from vezne.orders.asked import AskedTender
from vezne.orders.lines import MembershipDetails, membership
from vezne.orders.operations import placing, reading
from vezne.payments import Gateways

PlanId = Annotated[UUID, PublicId("pln")]
MembershipId = Annotated[UUID, PublicId("mbs")]
MethodId = Annotated[UUID, PublicId("mtd")]
ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,31}$")]
_CREATED = 201
_WRITE = [requires("memberships.write", own="own.write")]
_ORDERING = (
    AmountOutOfRange,
    *PRICING,
    *TENDERING,
    *PROMOS,
    *membership.REFUSALS,
    identity.CustomerNeeded,
    payments.ProviderNotOffered,
    payments.MethodUnknown,
)


class ReturnUrlNeeded(Invalid):
    """A provider that bills sends the customer back in the end: say where, as `return_url`."""


class NothingBesideProvider(Invalid):
    """Where a provider bills, nothing else pays and no code lowers its price: leave {field} out."""


class SubscribingIn(RequestModel):
    """Who subscribes, and how it is paid."""

    customer_id: CustomerId | None = Field(None, description="who subscribes; a customer's token does so for its own customer")
    currency: Currency | None = Field(None, description="in which of the plan's prices; default: the tenant's")
    billing: Literal["vezne", "provider"] = Field("vezne", description="who charges each period")
    provider: ProviderName | None = Field(None, description="who takes the money, or bills; default: the tenant's")
    method_id: MethodId | None = Field(None, description="a stored method that is charged at once, without a page")
    tenders: list[AskedTender] = Field(
        default_factory=list, max_length=10, description="stored value that pays, in this order; a provider is to pay the rest"
    )
    promo_codes: PromoCodes = Field(default_factory=list)
    return_url: ReturnUrl | None = None
    metadata: Metadata = Field(default_factory=dict)


class MembershipIn(SubscribingIn):
    """Who subscribes to what."""

    plan_id: PlanId


class ChangeIn(RequestModel):
    """The plan to change to, when, and how the difference is paid."""

    plan_id: PlanId
    when: Literal["now", "period_end"] | None = Field(
        None, description="now: the difference is paid; default: an upgrade now, anything else at the period's end"
    )
    method_id: MethodId | None = Field(None, description="a stored method that is charged at once, without a page")
    tenders: list[AskedTender] = Field(default_factory=list, max_length=10)
    return_url: ReturnUrl | None = None


class OrderedMembershipOut(BaseModel):
    """The membership, and what is to be paid for it, if anything; a provider that bills has the customer agree at `redirect_url`.

    Nothing of it runs, or changes, before that is done.
    """

    membership: MembershipOut
    ordered: PlacedOut | None = Field(description="the order; its checkout_url is where it is paid")
    redirect_url: str | None = Field(description="the page of the provider that bills")


class SubscribingRoute(TransactionalRoute):
    """A route whose membership is committed before a provider that bills is asked; the answer of both is one."""

    def get_route_handler(self) -> Handler:
        """The endpoint in its transaction, and then the provider's page."""
        subscribe = super().get_route_handler()

        async def answer(request: Request) -> Response:
            response = await subscribe(request)
            told: dict[str, Any] = json.loads(bytes(response.body)) if response.status_code == _CREATED else {}
            if not told or told["membership"]["billing"] != "provider":
                return response
            edge: Edge = request.app.state.edge
            found, url = await memberships.ask_to_bill(
                edge.db, request.app.state.gateways, request.state.principal, parse_id("mbs", told["membership"]["id"])
            )
            async with edge.db.transaction(request.state.principal, read_only=True) as tx:
                shown = await _shown(tx, found)
            body = {**told, "membership": shown.model_dump(mode="json"), "redirect_url": url}
            return JSONResponse(body, _CREATED, {REPLAYED: "true"} if REPLAYED in response.headers else {})

        return answer


changes_api = router("/v1/memberships", "Memberships")
subscribing_api = APIRouter(prefix="/v1", tags=["Memberships"], route_class=SubscribingRoute, responses=changes_api.responses)
_SUBSCRIBING = refusals(
    *_ORDERING,
    ReturnUrlNeeded,
    NothingBesideProvider,
    payments.ProviderUnknown,
    payments.NotSubscribing,
    payments.ProviderRefused,
    payments.ProviderUnavailable,
)


@subscribing_api.post("/memberships", status_code=_CREATED, dependencies=_WRITE, responses=_SUBSCRIBING)
async def create_membership(tx: TxDep, request: Request, asked: MembershipIn) -> OrderedMembershipOut:
    """Subscribe a customer to a plan: a membership that waits for its first payment, and where that is made.

    A trial needs none: the membership runs at once.
    """
    return await _subscribe(tx, request, asked.plan_id, asked)


@subscribing_api.post("/plans/{plan_id}/subscriptions", status_code=_CREATED, dependencies=_WRITE, responses=_SUBSCRIBING)
async def subscribe_to_plan(tx: TxDep, request: Request, plan_id: PlanId, asked: SubscribingIn) -> OrderedMembershipOut:
    """Subscribe a customer to this plan; as POST /v1/memberships."""
    return await _subscribe(tx, request, plan_id, asked)


@changes_api.post(
    "/{membership_id}/changes",
    status_code=_CREATED,
    dependencies=_WRITE,
    responses=refusals(*_ORDERING, memberships.ProviderActsAtOnce),
)
async def change_membership(tx: TxDep, request: Request, membership_id: MembershipId, asked: ChangeIn) -> OrderedMembershipOut:
    """Change to another plan: now, when the difference is paid, or with the next period. The own plan again: stay as it is.

    A provider that bills changes it at once, and charges or sets off the difference itself.
    """
    found = await memberships.membership(tx, membership_id)
    if found.billing == "provider":
        if asked.when == "period_end":
            raise memberships.ProviderActsAtOnce(
                loc=("body", "when"), membership_id=public_id("mbs", membership_id), provider=found.provider
            )
        changed = await memberships.change_later(tx, membership_id, asked.plan_id)
        return OrderedMembershipOut(membership=await _shown(tx, changed), ordered=None, redirect_url=None)
    when = asked.when or await _usual(tx, found, asked.plan_id)
    if when == "period_end":
        changed = await memberships.change_later(tx, membership_id, asked.plan_id)
        return OrderedMembershipOut(membership=await _shown(tx, changed), ordered=None, redirect_url=None)
    line = MembershipDetails(plan_id=asked.plan_id, membership_id=membership_id)
    placed = await _place(tx, request, found.customer_id, line, found.currency, asked)
    changed = await memberships.membership(tx, membership_id)
    return OrderedMembershipOut(membership=await _shown(tx, changed), ordered=placed, redirect_url=None)


async def _subscribe(tx: Tx, request: Request, plan_id: UUID, asked: SubscribingIn) -> OrderedMembershipOut:
    await memberships.plan(tx, plan_id)  # whoever names what is not there is told so first
    customer_id = identity.acting_for(tx, asked.customer_id, loc=("body", "customer_id"))
    settings = await identity.settings_of(tx)
    currency = asked.currency or settings.default_currency
    if asked.billing == "provider":
        made = await _begin_at_provider(tx, customer_id, plan_id, currency, asked)
        return OrderedMembershipOut(membership=await _shown(tx, made), ordered=None, redirect_url=None)
    placed = await _place(tx, request, customer_id, MembershipDetails(plan_id=plan_id), currency, asked)
    made = await memberships.membership(tx, parse_id("mbs", placed.order.lines[0].details["membership_id"]))
    return OrderedMembershipOut(membership=await _shown(tx, made), ordered=placed, redirect_url=None)


async def _begin_at_provider(
    tx: Tx, customer_id: UUID, plan_id: UUID, currency: str, asked: SubscribingIn
) -> memberships.Membership:
    for name in ("method_id", "tenders", "promo_codes"):
        if getattr(asked, name):
            raise NothingBesideProvider(loc=("body", name), field=name)
    if asked.return_url is None:
        raise ReturnUrlNeeded(loc=("body", "return_url"))
    settings = await identity.settings_of(tx)
    provider = asked.provider or settings.payment_provider
    if provider not in {settings.payment_provider, *settings.other_providers}:
        raise payments.ProviderNotOffered(loc=("body", "provider"), provider=provider)
    return await memberships.begin_subscription(tx, customer_id, plan_id, currency, provider, asked.return_url)


async def _place(
    tx: Tx, request: Request, customer_id: UUID, line: MembershipDetails, currency: str, asked: SubscribingIn | ChangeIn
) -> PlacedOut:
    """Order it; with a stored method, have it charged."""
    gateways: Gateways = request.app.state.gateways
    more: dict[str, Any] = {}
    if isinstance(asked, SubscribingIn):
        more = {"metadata": asked.metadata, "provider": asked.provider, "promo_codes": asked.promo_codes}
    placed = await placing.place(
        tx,
        customer_id,
        [line],
        currency=currency,
        tenders=asked.tenders,
        expires_after=gateways.session_ttl,
        return_url=asked.return_url,
        **more,
    )
    if placed.payment is not None and asked.method_id is not None:
        await payments.charge(tx, placed.payment.id, asked.method_id)
    return shown_placed(await reading.view(tx, placed.order.id), placed, gateways)


async def _usual(tx: Tx, found: memberships.Membership, plan_id: UUID) -> Literal["now", "period_end"]:
    """When a change takes place if nobody says so."""
    if plan_id == found.plan_id and found.next_plan_id is not None:
        return "period_end"
    return "now" if (await memberships.preview_change(tx, found.id, plan_id)).upgrade else "period_end"


async def _shown(tx: Tx, found: memberships.Membership) -> MembershipOut:
    return memberships.shown_membership(found, tx.now, (await identity.settings_of(tx)).grace_days)
