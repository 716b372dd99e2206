"""Fee rules over HTTP: what the platform keeps of what is sold. Percentages are whole basis points: 1000 is 10 %."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from vezne.catalog.api.fields import Amounts, FeeRuleId, Text
from vezne.catalog.models import (
    WHOLE,
    DiscountBearer,
    FeeBearer,
    FeeRule,
    FeeRuleMalformed,
    FeeRuleUnknown,
    FeesForPlatformOnly,
    FeeTerms,
    Tier,
)
from vezne.catalog.operations import fees
from vezne.kernel.clock import Moment
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import public_id
from vezne.kernel.money import AmountMinor
from vezne.kernel.paging import CursorUnknown, Page, PageQuery, page_of

api = router("/v1/fee-rules", "Fee rules")

Percentage = Annotated[
    int, Field(ge=0, le=WHOLE, description="basis points, hundredths of a percent: 1000 is 10 %", examples=[1000])
]


class TierIn(RequestModel):
    """From an amount on, another percentage of the whole amount."""

    from_minor: AmountMinor
    percentage: Percentage


class FeeRuleIn(RequestModel):
    """What the platform keeps of each line sold."""

    name: Text
    percentage: Percentage = 0
    fixed_minor: Amounts = Field(default_factory=dict, description="added once a line, in minor units by currency")
    minimum_minor: Amounts = Field(default_factory=dict, description="the least that is kept of a line, by currency")
    maximum_minor: Amounts = Field(default_factory=dict, description="the most that is kept of a line, by currency")
    tiers: list[TierIn] = Field(default_factory=list, max_length=50, description="each begins above the one before")
    fee_borne_by: FeeBearer = Field("payee", description="buyer: the fee is added to the price; payee: it is taken from it")
    discount_borne_by: DiscountBearer = Field("payee", description="whose share a discount lessens")


class FeeRuleVersionIn(FeeRuleIn):
    """A rule's next version, whole: what is not given has its usual value, not that of the version before."""

    valid_from: Moment | None = Field(None, description="from when it holds; now, when it is not given")


class TierOut(BaseModel):
    """From an amount on, another percentage."""

    from_minor: int
    percentage: int


class FeeRuleOut(BaseModel):
    """One version of a fee rule; versions are never changed."""

    id: FeeRuleId
    version: int
    name: str
    percentage: int = Field(description="basis points: 1000 is 10 %")
    fixed_minor: dict[str, int]
    minimum_minor: dict[str, int]
    maximum_minor: dict[str, int]
    tiers: list[TierOut]
    fee_borne_by: FeeBearer
    discount_borne_by: DiscountBearer
    valid_from: datetime


@api.post(
    "",
    status_code=201,
    dependencies=[requires("catalog.write")],
    responses=refusals(FeeRuleMalformed, FeesForPlatformOnly),
)
async def post_fee_rule(body: FeeRuleIn, tx: TxDep) -> FeeRuleOut:
    """Make a fee rule; its first version holds at once."""
    return _rule(await fees.create_fee_rule(tx, _terms(body)))


@api.get("", dependencies=[requires("catalog.read")], responses=refusals(CursorUnknown))
async def get_fee_rules(page: PageQuery, tx: TxDep) -> Page[FeeRuleOut]:
    """Fee rules in the version that holds now, newest rule first."""
    found = await fees.fee_rules(tx, before=page.id_of("fee"), limit=page.limit + 1)
    return page_of(found, page, _rule, lambda rule: public_id("fee", _rule(rule).id))


@api.get("/{fee_rule_id}", dependencies=[requires("catalog.read")], responses=refusals(FeeRuleUnknown))
async def get_fee_rule(
    fee_rule_id: FeeRuleId, tx: TxDep, version: Annotated[int | None, Query(ge=1, le=1_000_000_000)] = None
) -> FeeRuleOut:
    """A fee rule in the version that holds now, or in the one asked for."""
    return _rule(await fees.fee_rule(tx, fee_rule_id, version))


@api.post(
    "/{fee_rule_id}/versions",
    status_code=201,
    dependencies=[requires("catalog.write")],
    responses=refusals(FeeRuleUnknown, FeeRuleMalformed, FeesForPlatformOnly),
)
async def post_fee_rule_version(fee_rule_id: FeeRuleId, body: FeeRuleVersionIn, tx: TxDep) -> FeeRuleOut:
    """Replace a rule from a time on. What was sold before stays under the version it was sold with."""
    return _rule(await fees.change_fee_rule(tx, fee_rule_id, _terms(body), valid_from=body.valid_from))


@api.get("/{fee_rule_id}/versions", dependencies=[requires("catalog.read")], responses=refusals(FeeRuleUnknown, CursorUnknown))
async def get_fee_rule_versions(fee_rule_id: FeeRuleId, page: PageQuery, tx: TxDep) -> Page[FeeRuleOut]:
    """Every version of a rule, newest first, those to come too."""
    before = page.number()
    found = await fees.fee_rule_versions(
        tx, fee_rule_id, before=None if before is None else min(before, 2**31 - 1), limit=page.limit + 1
    )
    return page_of(found, page, _rule, lambda each: each.version)


def _terms(body: FeeRuleIn) -> FeeTerms:
    return FeeTerms(
        name=body.name,
        percentage=body.percentage,
        fixed_minor=body.fixed_minor,
        minimum_minor=body.minimum_minor,
        maximum_minor=body.maximum_minor,
        tiers=tuple(Tier(tier.from_minor, tier.percentage) for tier in body.tiers),
        fee_borne_by=body.fee_borne_by,
        discount_borne_by=body.discount_borne_by,
    )


def _rule(rule: FeeRule) -> FeeRuleOut:
    if rule.id is None:
        raise ValueError("the tenant's commission is no rule of the catalogue")
    return FeeRuleOut(
        id=rule.id,
        version=rule.version,
        name=rule.name,
        percentage=rule.percentage,
        fixed_minor=dict(rule.fixed_minor),
        minimum_minor=dict(rule.minimum_minor),
        maximum_minor=dict(rule.maximum_minor),
        tiers=[TierOut(from_minor=tier.from_minor, percentage=tier.percentage) for tier in rule.tiers],
        fee_borne_by=rule.fee_borne_by,
        discount_borne_by=rule.discount_borne_by,
        valid_from=rule.valid_from,
    )
