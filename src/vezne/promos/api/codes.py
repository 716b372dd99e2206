"""Promo codes over HTTP, and what became of each use."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field, Strict, StringConstraints

from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of
from vezne.promos.api.fields import (
    CodeId,
    CustomerId,
    PerformanceOut,
    PromoId,
    RedemptionOut,
    Uses,
    shown_performance,
    shown_redemption,
)
from vezne.promos.models import Code
from vezne.promos.operations import codes
from vezne.promos.operations.codes import LONGEST_PREFIX, MOST
from vezne.promos.refusals import (
    PromoCodeMalformed,
    PromoCodeNotChanged,
    PromoCodeTaken,
    PromoCodeUnknown,
    PromotionUnknown,
    UsesBelowTaken,
)

api = router("/v1/promo-codes", "Promo codes")
redemptions_api = router("/v1/promo-redemptions", "Promo codes")


class CodeIn(RequestModel):
    """A code that people remember."""

    promotion_id: PromoId
    code: Annotated[str, StringConstraints(max_length=100)] = Field(
        description="3 to 64 Latin letters and digits; capitals, hyphens and underscores tell no codes apart", examples=["SAVE20"]
    )
    max_uses: Uses | None = Field(None, description="how often this code may be used; null: as often as its promotion")


class CodesIn(RequestModel):
    """Codes that nobody can guess, many at once."""

    promotion_id: PromoId
    count: Annotated[int, Strict(), Field(ge=1, le=MOST)]
    prefix: Annotated[str, StringConstraints(max_length=LONGEST_PREFIX)] = Field("", description="stands before each, for people")
    max_uses: Uses | None = Field(1, description="how often each may be used")


class CodePatch(RequestModel):
    """What to change; what is not given stays."""

    active: bool = True
    max_uses: Uses | None = Field(None, description="null: as often as its promotion")


class CodeOut(BaseModel):
    """A code of a promotion."""

    id: CodeId
    promotion_id: PromoId
    code: str
    max_uses: int | None
    uses: int | None = Field(description="reserved and redeemed ones, where max_uses limits them; else see its performance")
    active: bool
    created_at: datetime


class CodesOut(BaseModel):
    """The codes that were made."""

    promotion_id: PromoId
    count: int
    codes: list[str]


class CodeFilter(PageParams):
    """Which codes are asked for."""

    promotion_id: PromoId | None = None
    code: str | None = Field(None, max_length=100, description="the one that is so spelt")


class RedemptionFilter(PageParams):
    """Which uses are asked for."""

    promotion_id: PromoId | None = None
    code_id: CodeId | None = None
    customer_id: CustomerId | None = None


@api.post(
    "",
    status_code=201,
    dependencies=[requires("promos.write")],
    responses=refusals(PromotionUnknown, PromoCodeMalformed, PromoCodeTaken),
)
async def post_promo_code(body: CodeIn, tx: TxDep) -> CodeOut:
    """Make a code of a promotion."""
    return _shown(await codes.create_code(tx, body.promotion_id, body.code, max_uses=body.max_uses))


@api.post(
    "/bulk",
    status_code=201,
    dependencies=[requires("promos.write")],
    responses=refusals(PromotionUnknown, PromoCodeMalformed),
)
async def post_promo_codes(body: CodesIn, tx: TxDep) -> CodesOut:
    """Make up to 10,000 codes at once: twelve letters each that nobody can guess, none of them like another to the eye."""
    made = await codes.create_codes(tx, body.promotion_id, body.count, prefix=body.prefix, max_uses=body.max_uses)
    return CodesOut(promotion_id=body.promotion_id, count=len(made), codes=[each.code for each in made])


@api.get("", dependencies=[requires("promos.read")], responses=refusals(CursorUnknown))
async def get_promo_codes(tx: TxDep, asked: Annotated[CodeFilter, Query()]) -> Page[CodeOut]:
    """Codes, newest first."""
    found = await codes.codes(
        tx, limit=asked.limit + 1, before=asked.id_of("pcd"), promotion_id=asked.promotion_id, text=asked.code
    )
    return page_of(found, asked, _shown, by_id("pcd"))


@api.get("/{code_id}", dependencies=[requires("promos.read")], responses=refusals(PromoCodeUnknown))
async def get_promo_code(code_id: CodeId, tx: TxDep) -> CodeOut:
    """One code."""
    return _shown(await codes.code(tx, code_id))


@api.patch(
    "/{code_id}",
    dependencies=[requires("promos.write")],
    responses=refusals(PromoCodeUnknown, PromoCodeNotChanged, UsesBelowTaken),
)
async def patch_promo_code(code_id: CodeId, body: CodePatch, tx: TxDep) -> CodeOut:
    """End a code, take it again, or change how often it may be used. Orders that have reserved a use keep it."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    if not changes:
        raise PromoCodeNotChanged(loc=("body",))
    return _shown(await codes.change_code(tx, code_id, **changes))


@api.get("/{code_id}/performance", dependencies=[requires("promos.read")], responses=refusals(PromoCodeUnknown))
async def get_promo_code_performance(code_id: CodeId, tx: TxDep) -> list[PerformanceOut]:
    """What this code has done, in each currency."""
    return [shown_performance(each) for each in await codes.code_performance(tx, code_id)]


@redemptions_api.get("", dependencies=[requires("promos.read")], responses=refusals(CursorUnknown))
async def get_promo_redemptions(tx: TxDep, asked: Annotated[RedemptionFilter, Query()]) -> Page[RedemptionOut]:
    """Uses of codes, newest first: of a promotion, a code or a customer."""
    found = await codes.redemptions(
        tx,
        limit=asked.limit + 1,
        before=asked.id_of("rdm"),
        promotion_id=asked.promotion_id,
        code_id=asked.code_id,
        customer_id=asked.customer_id,
    )
    return page_of(found, asked, shown_redemption, by_id("rdm"))


def _shown(code: Code) -> CodeOut:
    return CodeOut(
        id=code.id,
        promotion_id=code.promotion_id,
        code=code.code,
        max_uses=code.max_uses,
        uses=None if code.max_uses is None else code.uses,
        active=code.active,
        created_at=code.created_at,
    )
