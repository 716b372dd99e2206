"""Promotions over HTTP: what codes give, and to whom. Percentages are whole basis points: 1000 is 10 %."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field, Strict, StringConstraints
from starlette.responses import Response

from vezne import catalog, identity
from vezne.kernel.clock import Moment
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import public_id
from vezne.kernel.money import AmountMinor, Currency, CurrencyUnknown
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of
from vezne.promos.api.fields import (
    Amounts,
    CustomerId,
    ItemId,
    Metadata,
    PerformanceOut,
    PlanId,
    PromoId,
    Text,
    Uses,
    UsesEach,
    shown_performance,
)
from vezne.promos.models import MOST_BONUS, MOST_LISTED, Promotion, PromotionKind, Terms
from vezne.promos.operations import codes, promotions
from vezne.promos.refusals import PromotionMalformed, PromotionNotChanged, PromotionUnknown, UsesBelowTaken

api = router("/v1/promotions", "Promo codes")

LineKind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Customers = Annotated[
    list[CustomerId], Field(max_length=MOST_LISTED, description="only these customers may use it; without a list, all may")
]


class PromotionIn(RequestModel):
    """What codes give, to whom, for what and when. What is not said restricts nothing."""

    name: Text
    kind: PromotionKind
    percentage: Annotated[int, Strict(), Field(ge=1, le=MOST_BONUS)] | None = Field(
        None, description="basis points: of the price, or of a bonus of the credits bought; 1000 is 10 %"
    )
    cap_minor: Amounts = Field(default_factory=dict, description="the most that a percentage takes off an order, by currency")
    amount_minor: Amounts = Field(default_factory=dict, description="what a fixed promotion takes off, by currency")
    bonus_units: AmountMinor | None = Field(None, description="credits that come on top")
    trial_days: Annotated[int, Strict(), Field(ge=1, le=3650)] | None = Field(None, description="a membership's first days, free")
    stackable: bool = Field(default=False, description="whether it may stand beside others that may")
    priority: Annotated[int, Strict(), Field(ge=-1000, le=1000)] = Field(
        0, description="of several of its kind, the least is reckoned first"
    )
    starts_at: Moment | None = None
    ends_at: Moment | None = Field(None, description="from when on it is taken no more")
    max_uses: Uses | None = Field(None, description="of all its codes together")
    max_uses_per_customer: UsesEach | None = Field(None, description="a person is known by mailbox and telephone too")
    minimum_minor: Amounts = Field(default_factory=dict, description="the least that what it is for must cost, by currency")
    currencies: list[Currency] = Field(default_factory=list, max_length=50)
    item_ids: list[ItemId] = Field(default_factory=list, max_length=500, description="it is for these items")
    plan_ids: list[PlanId] = Field(default_factory=list, max_length=500, description="it is for these membership plans")
    line_kinds: list[LineKind] = Field(
        default_factory=list, max_length=20, description="it is for lines of these kinds", examples=[["credit_pack"]]
    )
    first_purchase_only: bool = Field(default=False, description="only for who has paid nothing before")
    customer_metadata: Metadata = Field(default_factory=dict, description="only for customers whose metadata say the same")
    customer_ids: Customers | None = None
    metadata: Metadata = Field(default_factory=dict)


class PromotionPatch(RequestModel):
    """What to change; what is not given stays, null removes a limit. What it gives, and for what, stays as it was promised."""

    name: Text = Field("", description="not to be removed")
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    max_uses: Uses | None = None
    max_uses_per_customer: UsesEach | None = None
    active: bool = True
    customer_ids: Annotated[list[CustomerId], Field(max_length=MOST_LISTED)] = Field(
        default_factory=list, description="the new list, whole"
    )
    metadata: Metadata = Field(default_factory=dict)


class PromotionOut(BaseModel):
    """What codes give, to whom, for what and when."""

    id: PromoId
    name: str
    kind: PromotionKind
    percentage: int | None
    cap_minor: dict[str, int]
    amount_minor: dict[str, int]
    bonus_units: int | None
    trial_days: int | None
    stackable: bool
    priority: int
    starts_at: datetime | None
    ends_at: datetime | None
    max_uses: int | None
    uses: int | None = Field(description="reserved and redeemed ones, where max_uses limits them; else see its performance")
    max_uses_per_customer: int | None
    minimum_minor: dict[str, int]
    currencies: list[str]
    item_ids: list[ItemId]
    plan_ids: list[PlanId]
    line_kinds: list[str]
    first_purchase_only: bool
    listed_only: bool = Field(description="whether it is for the customers on its list alone")
    customer_metadata: dict[str, str]
    active: bool
    metadata: dict[str, str]
    created_at: datetime


class PromotionFilter(PageParams):
    """Which promotions are asked for."""

    active: bool | None = None


_WRONG = (PromotionMalformed, CurrencyUnknown, identity.CustomerNotFound, catalog.ItemUnknown)


@api.post("", status_code=201, dependencies=[requires("promos.write")], responses=refusals(*_WRONG))
async def post_promotion(body: PromotionIn, tx: TxDep) -> PromotionOut:
    """Make a promotion. It is used by its codes, which are made next."""
    said = {name: getattr(body, name) for name in PromotionIn.model_fields if name != "customer_ids"}
    lists = {name: tuple(said[name]) for name in ("currencies", "item_ids", "plan_ids", "line_kinds")}
    return _shown(await promotions.create_promotion(tx, Terms(**said | lists), customer_ids=body.customer_ids))


@api.get("", dependencies=[requires("promos.read")], responses=refusals(CursorUnknown))
async def get_promotions(tx: TxDep, asked: Annotated[PromotionFilter, Query()]) -> Page[PromotionOut]:
    """Promotions, newest first."""
    found = await promotions.promotions(tx, limit=asked.limit + 1, before=asked.id_of("prm"), active=asked.active)
    return page_of(found, asked, _shown, by_id("prm"))


@api.get("/{promotion_id}", dependencies=[requires("promos.read")], responses=refusals(PromotionUnknown))
async def get_promotion(promotion_id: PromoId, tx: TxDep) -> PromotionOut:
    """One promotion."""
    return _shown(await promotions.promotion(tx, promotion_id))


@api.patch(
    "/{promotion_id}",
    dependencies=[requires("promos.write")],
    responses=refusals(PromotionUnknown, PromotionNotChanged, UsesBelowTaken, *_WRONG),
)
async def patch_promotion(promotion_id: PromoId, body: PromotionPatch, tx: TxDep) -> PromotionOut:
    """Change its limits, its time or its list, or end it (`active`). Orders that have reserved a use keep it."""
    changes: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if not changes:
        raise PromotionNotChanged(loc=("body",))
    listed = changes.pop("customer_ids", None)
    return _shown(await promotions.change_promotion(tx, promotion_id, changes, customer_ids=listed))


@api.get("/{promotion_id}/performance", dependencies=[requires("promos.read")], responses=refusals(PromotionUnknown))
async def get_promotion_performance(promotion_id: PromoId, tx: TxDep) -> list[PerformanceOut]:
    """What it has done: uses, what they took off, and what the orders came to, in each currency."""
    return [shown_performance(each) for each in await promotions.performance(tx, promotion_id)]


@api.get(
    "/{promotion_id}/codes.csv",
    dependencies=[requires("promos.read")],
    response_class=Response,
    responses={
        **refusals(PromotionUnknown),
        200: {"content": {"text/csv": {}}, "description": "A line for each code, the oldest first."},
    },
)
async def get_promotion_codes_csv(promotion_id: PromoId, tx: TxDep) -> Response:
    """All codes of a promotion as CSV: for a mailing, or for print."""
    text = await codes.written(tx, promotion_id)
    name = f"codes-{public_id('prm', promotion_id)}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _shown(promotion: Promotion) -> PromotionOut:
    facts: dict[str, Any] = {name: getattr(promotion, name) for name in PromotionOut.model_fields}
    lists = {name: list(facts[name]) for name in ("currencies", "item_ids", "plan_ids", "line_kinds")}
    return PromotionOut(**facts | lists | {"uses": None if promotion.max_uses is None else promotion.uses})
