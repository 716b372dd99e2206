"""Vouchers over HTTP: the catalogue, its stock, and what was redeemed. Prices are whole coins."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

from vezne import wallets
from vezne.identity import CustomerNotFound, seen_by
from vezne.kernel.clock import Moment
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of
from vezne.rewards import refusals as says
from vezne.rewards.api.fields import Coins, CustomerId, Description, Name, Reason, RedemptionId, TransactionId, VoucherId
from vezne.rewards.models.vouchers import Inventory, Redemption, RedemptionStatus, Stocked, Voucher, VoucherTerms
from vezne.rewards.operations import redeeming, vouchers

api = router("/v1", "Vouchers")

Metadata = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=40)], Annotated[str, StringConstraints(max_length=500)]],
    Field(max_length=50, description="yours to keep: up to 50 texts"),
]
Quantity = Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Times = Annotated[int, Field(ge=1, le=1_000_000)]


class VoucherIn(RequestModel):
    """Something to be had for coins."""

    name: Name
    description: Description = ""
    price_minor: Coins
    inventory: Inventory = Field("count", description="a number, or codes that you upload")
    quantity: Annotated[int, Field(ge=0, le=1_000_000_000)] = Field(0, description="of a counted stock, to begin with")
    per_customer: Times | None = Field(None, description="how many one customer may have")
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    active: bool = True
    metadata: Metadata = Field(default_factory=dict)


class VoucherChange(RequestModel):
    """Changes of a voucher; what is not given stays."""

    name: Name | None = None
    description: Description | None = None
    price_minor: Coins | None = None
    per_customer: Times | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    active: bool | None = None
    metadata: Metadata | None = None


class VoucherOut(BaseModel):
    """A voucher."""

    id: VoucherId
    name: str
    description: str
    price_minor: int
    inventory: Inventory
    left: int = Field(description="how many can still be had")
    redeemed: int
    per_customer: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    active: bool
    metadata: dict[str, str]
    created_at: datetime


class StockIn(RequestModel):
    """More of a voucher: a quantity (negative: fewer), or codes."""

    quantity: Quantity | None = None
    codes: Annotated[list[Code], Field(min_length=1, max_length=5_000)] | None = None


class StockOut(BaseModel):
    """What came in."""

    added: int
    known: int = Field(description="codes that had been uploaded before")
    left: int


class VoucherRedemptionOut(BaseModel):
    """A voucher that a customer had for coins."""

    id: RedemptionId
    voucher_id: VoucherId
    customer_id: CustomerId
    reference_id: str
    price_minor: int
    currency: str
    status: RedemptionStatus
    restocked: bool
    code: str | None = Field(description="shown to who reads this one redemption; null in lists")
    transaction_id: TransactionId
    refund_transaction_id: TransactionId | None
    reason: str | None
    cancelled_at: datetime | None
    created_at: datetime


class CancellationIn(RequestModel):
    """Why a voucher is taken back."""

    reason: Reason
    restock: bool = Field(True, description="false: nobody else shall have it, as when its code was used")


class RedemptionFilters(PageParams):
    """Which redemptions are asked for."""

    customer_id: CustomerId | None = None
    voucher_id: VoucherId | None = None
    status: RedemptionStatus | None = None


class VoucherFilters(PageParams):
    """Which vouchers are asked for."""

    active: bool | None = None
    offered: bool = Field(False, description="only those that can be had now")


@api.post(
    "/vouchers",
    status_code=201,
    dependencies=[requires("rewards.manage")],
    responses=refusals(says.VoucherMalformed, says.CodesNeeded),
)
async def post_voucher(body: VoucherIn, tx: TxDep) -> VoucherOut:
    """Offer something for coins. Needs `rewards.manage`."""
    facts = {name: getattr(body, name) for name in _TERMS}
    return _voucher(await vouchers.create_voucher(tx, VoucherTerms(**facts), body.inventory, quantity=body.quantity))


@api.get("/vouchers", dependencies=[requires("rewards.read", own="own.read")], responses=refusals(CursorUnknown))
async def get_vouchers(tx: TxDep, asked: Annotated[VoucherFilters, Query()]) -> Page[VoucherOut]:
    """Vouchers, newest first. A customer's token sees what can be had now."""
    found = await vouchers.vouchers(
        tx, offered=asked.offered, active=asked.active, before=asked.id_of("vch"), limit=asked.limit + 1
    )
    return page_of(found, asked, _voucher, by_id("vch"))


@api.get(
    "/vouchers/{voucher_id}", dependencies=[requires("rewards.read", own="own.read")], responses=refusals(says.VoucherUnknown)
)
async def get_voucher(voucher_id: VoucherId, tx: TxDep) -> VoucherOut:
    """One voucher."""
    return _voucher(await vouchers.voucher(tx, voucher_id))


@api.patch(
    "/vouchers/{voucher_id}",
    dependencies=[requires("rewards.manage")],
    responses=refusals(says.VoucherUnknown, says.VoucherMalformed),
)
async def patch_voucher(voucher_id: VoucherId, body: VoucherChange, tx: TxDep) -> VoucherOut:
    """Change a voucher; what was redeemed stays as it was. Needs `rewards.manage`."""
    changes: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    for name in ("name", "description", "price_minor", "active", "metadata"):
        if name in changes and changes[name] is None:
            raise says.VoucherMalformed(loc=("body", name), field=name, reason="is not null")
    return _voucher(await vouchers.change_voucher(tx, voucher_id, changes))


@api.post(
    "/vouchers/{voucher_id}/stock",
    status_code=201,
    dependencies=[requires("rewards.manage")],
    responses=refusals(
        says.VoucherUnknown,
        says.VoucherMalformed,
        says.CodesNeeded,
        says.CodesNotTaken,
        says.StockTooSmall,
        says.StockTooLarge,
    ),
)
async def post_stock(voucher_id: VoucherId, body: StockIn, tx: TxDep) -> StockOut:
    """Put more of a voucher into the stock. A code counts once, however often it is uploaded. Needs `rewards.manage`."""
    if (body.quantity is None) == (body.codes is None):
        raise says.VoucherMalformed(loc=("body", "quantity"), field="stock", reason="is either a quantity or codes")
    if body.codes is not None:
        return _stock(await vouchers.upload_codes(tx, voucher_id, body.codes))
    return _stock(await vouchers.add_stock(tx, voucher_id, body.quantity or 0))


@api.get(
    "/voucher-redemptions",
    dependencies=[requires("rewards.read", own="own.read")],
    responses=refusals(CursorUnknown, CustomerNotFound),
)
async def get_redemptions(tx: TxDep, asked: Annotated[RedemptionFilters, Query()]) -> Page[VoucherRedemptionOut]:
    """Redemptions, newest first, without their codes. A customer's token sees its own."""
    found = await redeeming.redemptions(
        tx,
        customer_id=seen_by(tx, asked.customer_id),
        voucher_id=asked.voucher_id,
        status=asked.status,
        before=asked.id_of("rdm"),
        limit=asked.limit + 1,
    )
    return page_of(found, asked, redemption_shown, by_id("rdm"))


@api.get(
    "/voucher-redemptions/{redemption_id}",
    dependencies=[requires("rewards.read", own="own.read")],
    responses=refusals(says.VoucherRedemptionUnknown),
)
async def get_redemption(redemption_id: RedemptionId, tx: TxDep) -> VoucherRedemptionOut:
    """One redemption, with its code."""
    found = await redeeming.redemption(tx, redemption_id)
    return redemption_shown(found, await redeeming.code_of(tx, redemption_id))


@api.post(
    "/voucher-redemptions/{redemption_id}/cancellations",
    status_code=201,
    dependencies=[requires("rewards.write")],
    responses=refusals(says.VoucherRedemptionUnknown, wallets.WalletMissing),
)
async def post_cancellation(redemption_id: RedemptionId, body: CancellationIn, tx: TxDep) -> VoucherRedemptionOut:
    """Take a voucher back: its coins return to their lots. Again: no change. Needs `rewards.write`."""
    return redemption_shown(await redeeming.cancel_redemption(tx, redemption_id, reason=body.reason, restock=body.restock))


_TERMS = ("name", "description", "price_minor", "per_customer", "starts_at", "ends_at", "active", "metadata")


def redemption_shown(made: Redemption, code: str | None = None) -> VoucherRedemptionOut:
    """A redemption as the API shows it."""
    facts = {name: getattr(made, name) for name in VoucherRedemptionOut.model_fields if hasattr(made, name)}
    return VoucherRedemptionOut(**facts, reference_id=made.reference, code=code)


def _voucher(voucher: Voucher) -> VoucherOut:
    facts = {name: getattr(voucher, name) for name in VoucherOut.model_fields}
    return VoucherOut(**{**facts, "metadata": dict(voucher.metadata)})


def _stock(stocked: Stocked) -> StockOut:
    return StockOut(added=stocked.added, known=stocked.known, left=stocked.voucher.left)
