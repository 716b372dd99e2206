"""What was settled, and what payees are owed."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from vezne import identity
from vezne.kernel.http import TxDep, refusals, requires, router
from vezne.kernel.ids import public_id
from vezne.kernel.money import Currency
from vezne.kernel.paging import CursorUnknown, Page, PageParams, page_of
from vezne.settlements.api.fields import Day, EntryId, LineId, OrderId, PayeeId, PayoutId, SettlementId
from vezne.settlements.models import Move, MoveKind, Owed, SettlementStatus
from vezne.settlements.operations import owing, reading
from vezne.settlements.operations.booking import day_begins
from vezne.settlements.refusals import PeriodBackwards, SettlementMissing

api = router("/v1", "Settlements")


class SettlementFilters(PageParams):
    """Which settlements are asked for."""

    payee_id: PayeeId | None = None
    order_id: OrderId | None = None
    currency: Currency | None = None
    status: SettlementStatus | None = None
    first: Day | None = Field(None, alias="from", description="made on this day of the tenant's zone or later")
    last: Day | None = Field(None, alias="to", description="made on this day of the tenant's zone or earlier")


class SettlementOut(BaseModel):
    """What one sold line gives its payee and the platform. Amounts are whole minor units of `currency`."""

    id: SettlementId
    line_id: LineId
    order_id: OrderId
    payee_id: PayeeId
    status: SettlementStatus = Field(description="`reserved`: only what is kept back is still to come")
    currency: str
    gross_minor: int = Field(description="what was paid for the line")
    share_minor: int = Field(description="the payee's part of it")
    fee_minor: int = Field(description="the platform's; negative where it bears a discount")
    reserve_minor: int = Field(description="of the share, kept back until `release_at`")
    reserved_minor: int = Field(description="still kept back")
    clawed_back_minor: int = Field(description="of the gross, taken back by refunds")
    clawed_back_share_minor: int = Field(description="of the share")
    net_share_minor: int = Field(description="what the payee keeps")
    percentage: int = Field(description="the fee rule's, in hundredths of a percent")
    fee_rule_version: int
    description: str
    release_at: datetime | None
    released_at: datetime | None
    created_at: datetime


class MoveOut(BaseModel):
    """One change of what a settlement gives. Positive is more for the payee, the platform, the gross."""

    kind: MoveKind
    cause: str
    gross_minor: int
    share_minor: int
    fee_minor: int
    payee_minor: int = Field(description="of the share, on the payee's account")
    reserve_minor: int = Field(description="of the share, kept back")
    entry_id: EntryId | None
    payout_id: PayoutId | None = Field(description="the payout that took it along, unless that was rejected or failed")
    created_at: datetime


class SettlementWithMovesOut(SettlementOut):
    """A settlement with all that was done to it."""

    moves: list[MoveOut]


class OwedOut(BaseModel):
    """What stands between you and a payee in one currency, in whole minor units."""

    currency: str
    available_minor: int = Field(description="can be paid out")
    reserved_minor: int = Field(description="kept back until its day")
    carried_minor: int = Field(description="the payee owes it: taken off what comes next")
    in_payout_minor: int = Field(description="asked for and not arrived")


class BalanceOut(BaseModel):
    """What a payee is owed, by currency."""

    payee_id: PayeeId
    data: list[OwedOut]


@api.get("/settlements", dependencies=[requires("settlements.read")], responses=refusals(CursorUnknown, PeriodBackwards))
async def list_settlements(tx: TxDep, asked: Annotated[SettlementFilters, Query()]) -> Page[SettlementOut]:
    """Settlements, newest first. Partners see their own."""
    zone = (await identity.settings_of(tx)).zone
    if asked.first is not None and asked.last is not None and asked.last < asked.first:
        raise PeriodBackwards(loc=("query", "to"))
    rows = await reading.settlements_page(
        tx,
        payee_id=asked.payee_id,
        order_id=asked.order_id,
        currency=asked.currency,
        status=asked.status,
        since=None if asked.first is None else day_begins(asked.first, zone),
        until=None if asked.last is None else day_begins(asked.last + timedelta(days=1), zone),
        before=asked.id_of("stl"),
        limit=asked.limit + 1,
    )
    return page_of(rows, asked, lambda seen: SettlementOut(**_facts(seen)), lambda seen: public_id("stl", seen.settlement.id))


@api.get("/settlements/{settlement_id}", dependencies=[requires("settlements.read")], responses=refusals(SettlementMissing))
async def get_settlement(tx: TxDep, settlement_id: SettlementId) -> SettlementWithMovesOut:
    """A settlement with its sale, claw-backs, what was given again, and the release of its reserve."""
    seen, moves = await reading.settlement(tx, settlement_id)
    return SettlementWithMovesOut(**_facts(seen), moves=[_move(move) for move in moves])


@api.get(
    "/payees/{payee_id}/balance",
    dependencies=[requires("settlements.read")],
    responses=refusals(identity.PayeeUnknown),
)
async def get_balance(tx: TxDep, payee_id: PayeeId) -> BalanceOut:
    """What a payee is owed now, in every currency it ever sold in."""
    payee = await identity.payee(tx, payee_id)
    return BalanceOut(payee_id=payee.id, data=[_owed(each) for each in await owing.owed_in_all(tx, payee.id)])


def _facts(seen: reading.SettlementSeen) -> dict[str, Any]:
    found = seen.settlement
    return {
        **{name: getattr(found, name) for name in SettlementOut.model_fields if hasattr(found, name)},
        "status": seen.status,
        "clawed_back_minor": min(found.clawed_minor, found.gross_minor),
        "clawed_back_share_minor": found.clawed_share_minor,
    }


def _move(move: Move) -> MoveOut:
    return MoveOut(**{name: getattr(move, name) for name in MoveOut.model_fields})


def _owed(owed: Owed) -> OwedOut:
    return OwedOut(
        currency=owed.currency,
        available_minor=owed.available,
        reserved_minor=owed.reserved,
        carried_minor=owed.carried,
        in_payout_minor=owed.in_payout,
    )
