"""Plans over HTTP: what customers may subscribe to, and what it costs."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field, Strict, StringConstraints

from vezne.kernel.errors import Invalid
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.money import MAX_MINOR, Currency, Money
from vezne.kernel.paging import CursorUnknown, Page, PageQuery, by_id, page_of
from vezne.memberships.calendar import Interval
from vezne.memberships.models import FAMILY, NewPlan, PlanPrice, Rollover
from vezne.memberships.operations import plans
from vezne.memberships.refusals import PlanMalformed, PlanUnknown
from vezne.memberships.shown import PlanId, PlanOut, shown_plan

api = router("/v1/plans", "Memberships")

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Description = Annotated[str, StringConstraints(max_length=2000)]
Family = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Amount = Annotated[int, Strict(), Field(ge=0, le=MAX_MINOR)]
Credits = Annotated[int, Strict(), Field(ge=0, le=MAX_MINOR)]
Days = Annotated[int, Strict(), Field(ge=0, le=730)]
Level = Annotated[int, Strict(), Field(ge=-1_000_000, le=1_000_000)]
Prices = Annotated[dict[Currency, Amount], Field(max_length=50, description="minor units of one period by currency")]
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=40)], Annotated[str, StringConstraints(max_length=500)]],
    Field(max_length=50, description="your own names and values, up to 50"),
]


class PlanNotChanged(Invalid):
    """Give at least one detail of the plan to change; its prices are set one by one."""


class PlanIn(RequestModel):
    """A plan to offer."""

    name: Text
    description: Description = ""
    interval: Interval
    interval_count: Annotated[int, Strict(), Field(ge=1, le=366)] = 1
    prices: Prices = Field(default_factory=dict)
    trial_days: Days = Field(0, description="free at first, once for a customer and family")
    trial_credits: Credits = 0
    credits_per_period: Credits = 0
    credit_rollover: Rollover = Field(
        "expire", description="unspent credits when a period is over: expire with it, keep, or cap: kept up to `rollover_cap`"
    )
    rollover_cap: Credits | None = None
    family: Family = Field(FAMILY, description="of one family a customer has one live membership")
    level: Level = Field(0, description="a change to a higher level is an upgrade")
    metadata: Metadata = Field(default_factory=dict)


class PlanPatch(RequestModel):
    """Details to change. Interval, family and prices are not among them."""

    name: Text | None = None
    description: Description | None = None
    trial_days: Days | None = None
    trial_credits: Credits | None = None
    credits_per_period: Credits | None = None
    credit_rollover: Rollover | None = None
    rollover_cap: Credits | None = None
    level: Level | None = None
    active: bool | None = None
    metadata: Metadata | None = None


class PlanPriceIn(RequestModel):
    """What a period costs new memberships from now on; null: no longer offered in this currency."""

    currency: Currency
    amount_minor: Amount | None


class PlanPriceOut(BaseModel):
    """What a plan cost from a time on."""

    number: int = Field(description="the plan's own count of its prices")
    currency: str
    amount_minor: int | None = Field(description="null: it had no price in this currency any more")
    set_at: datetime


@api.post("", status_code=201, dependencies=[requires("memberships.write")], responses=refusals(PlanMalformed))
async def post_plan(body: PlanIn, tx: TxDep) -> PlanOut:
    """Offer a plan."""
    return shown_plan(await plans.create_plan(tx, NewPlan(**{name: getattr(body, name) for name in PlanIn.model_fields})))


@api.get("", dependencies=[requires("memberships.read", own="own.read")], responses=refusals(CursorUnknown))
async def get_plans(
    page: PageQuery,
    tx: TxDep,
    family: Annotated[str | None, Query(max_length=40)] = None,
    currency: Annotated[str | None, Query(max_length=12)] = None,
    active: Annotated[bool | None, Query(description="a customer's token sees those that are offered")] = None,
) -> Page[PlanOut]:
    """Plans with their present prices, newest first."""
    offered = True if tx.principal.customer_id is not None else active
    before = page.id_of("pln")
    found = await plans.plans(tx, family=family, active=offered, currency=currency, before=before, limit=page.limit + 1)
    return page_of(found, page, shown_plan, by_id("pln"))


@api.get("/{plan_id}", dependencies=[requires("memberships.read", own="own.read")], responses=refusals(PlanUnknown))
async def get_plan(plan_id: PlanId, tx: TxDep) -> PlanOut:
    """One plan with its present prices."""
    return shown_plan(await plans.plan(tx, plan_id))


@api.patch(
    "/{plan_id}", dependencies=[requires("memberships.write")], responses=refusals(PlanUnknown, PlanNotChanged, PlanMalformed)
)
async def patch_plan(plan_id: PlanId, body: PlanPatch, tx: TxDep) -> PlanOut:
    """Change a plan's details; running memberships follow from their next period on, and keep their price."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    if not changes:
        raise PlanNotChanged(loc=("body",))
    for name, value in changes.items():
        if value is None and name != "rollover_cap":
            raise PlanMalformed(field=name, reason="cannot be nothing", loc=("body", name))
    return shown_plan(await plans.change_plan(tx, plan_id, **changes))


@api.delete("/{plan_id}", dependencies=[requires("memberships.write")], responses=refusals(PlanUnknown))
async def delete_plan(plan_id: PlanId, tx: TxDep) -> PlanOut:
    """Archive a plan: it is offered no longer; who has it keeps it. `active` offers it again."""
    return shown_plan(await plans.archive_plan(tx, plan_id))


@api.put("/{plan_id}/prices", dependencies=[requires("memberships.write")], responses=refusals(PlanUnknown, PlanMalformed))
async def put_plan_price(plan_id: PlanId, body: PlanPriceIn, tx: TxDep) -> PlanOut:
    """Set what new memberships cost in one currency from now on, or withdraw it. Running ones keep theirs."""
    if body.amount_minor is None:
        return shown_plan(await plans.withdraw_price(tx, plan_id, body.currency))
    return shown_plan(await plans.set_price(tx, plan_id, Money(body.amount_minor, body.currency)))


@api.get("/{plan_id}/prices", dependencies=[requires("memberships.read")], responses=refusals(PlanUnknown, CursorUnknown))
async def get_plan_prices(
    plan_id: PlanId, page: PageQuery, tx: TxDep, currency: Annotated[str | None, Query(max_length=12)] = None
) -> Page[PlanPriceOut]:
    """What a plan has cost, newest first."""
    found = await plans.price_history(tx, plan_id, currency=currency, before=page.number(), limit=page.limit + 1)
    return page_of(found, page, _price, lambda each: each.number)


def _price(price: PlanPrice) -> PlanPriceOut:
    return PlanPriceOut(number=price.number, currency=price.currency, amount_minor=price.amount_minor, set_at=price.set_at)
