"""Memberships over HTTP. A customer's token sees and ends its own."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vezne import identity, payments
from vezne.kernel.clock import Moment
from vezne.kernel.db import Tx
from vezne.kernel.http import Edge, Handler, RequestModel, TransactionalRoute, TxDep, refusals, requires, router
from vezne.kernel.ids import parse_id
from vezne.kernel.paging import CursorUnknown, Page, PageParams, PageQuery, by_id, page_of
from vezne.memberships import refusals as says
from vezne.memberships.models import Membership, Status
from vezne.memberships.operations import asking, changing, leaving, pausing, reading
from vezne.memberships.shown import (
    CustomerId,
    DepartureOut,
    MembershipId,
    MembershipOut,
    PeriodOut,
    PlanId,
    shown_departure,
    shown_membership,
    shown_period,
)

_CREATED = 201
_READ = [requires("memberships.read", own="own.read")]
_WRITE = [requires("memberships.write", own="own.write")]
_STATE = (says.MembershipUnknown, says.MembershipOver, says.MembershipNotReady)
_CHANGE = (
    *_STATE,
    says.PlanUnknown,
    says.PlanNotOffered,
    says.PlanHasNoPrice,
    says.SamePlan,
    says.OtherFamily,
    says.RenewalUnderWay,
)

api = router("/v1/memberships", "Memberships")
departures_api = router("/v1/membership-departures", "Memberships", permission="memberships.read")

Reason = Literal["too_expensive", "not_used", "missing_features", "quality", "support", "switched", "temporary", "other"]
Comment = Annotated[str, StringConstraints(max_length=1000, strip_whitespace=True)]


class MembershipFilter(PageParams):
    """Which memberships are asked for."""

    customer_id: CustomerId | None = None
    plan_id: PlanId | None = None
    status: Status | None = None
    family: Annotated[str | None, StringConstraints(max_length=40)] = None


class CancellationIn(RequestModel):
    """When it is to end, and why."""

    at_period_end: bool = Field(True, description="with what is paid for; false: at once")
    reason: Reason = "other"
    comment: Comment = Field("", description="in the customer's own words")


class OwnCancellationIn(CancellationIn):
    """Whose membership is to end, when, and why."""

    customer_id: CustomerId | None = Field(None, description="a customer's token is for its own customer")
    family: Annotated[str | None, StringConstraints(max_length=40)] = None


class PauseIn(RequestModel):
    """A pause: from when, and until when."""

    at_period_end: bool = Field(False, description="when what is paid for is over; false: at once, and the rest comes later")
    until: Moment | None = Field(None, description="when it goes on by itself; null: when it is resumed")


class ChangePreviewIn(RequestModel):
    """A plan that somebody thinks of."""

    plan_id: PlanId


class ChangeNowOut(BaseModel):
    """What a change costs at once. `due_minor` is `cost_minor` less `unused_minor`."""

    due_minor: int = Field(description="to be paid now; negative: less than what is left, which is possible at the period's end")
    cost_minor: int | None = Field(description="the new plan, from `starts_at` to `ends_at`; null where a provider reckons")
    unused_minor: int | None = Field(description="what is left of what was paid")
    starts_at: datetime | None
    ends_at: datetime | None = Field(description="when the next period begins")


class ChangePreviewOut(BaseModel):
    """What a change would mean. Nothing is changed, and no price is promised."""

    membership_id: MembershipId
    plan_id: PlanId
    upgrade: bool = Field(description="whether it takes place now, when nobody says otherwise")
    price_minor: int = Field(description="what a period costs then")
    currency: str
    now: ChangeNowOut | None
    at_period_end: datetime | None = Field(description="when it could take place without a payment; null where a provider bills")


class PreviewRoute(TransactionalRoute):
    """A route whose answer a provider completes, after the transaction."""

    def get_route_handler(self) -> Handler:
        """The endpoint in its transaction, and then the provider's word."""
        preview = super().get_route_handler()

        async def answer(request: Request) -> Response:
            response = await preview(request)
            told: dict[str, Any] = json.loads(bytes(response.body)) if response.status_code == _CREATED else {}
            if not told or told["at_period_end"] is not None:
                return response
            edge: Edge = request.app.state.edge
            _, due = await asking.preview_at_provider(
                edge.db,
                request.app.state.gateways,
                request.state.principal,
                parse_id("mbs", told["membership_id"]),
                parse_id("pln", told["plan_id"]),
            )
            told["now"] = ChangeNowOut(
                due_minor=due.minor, cost_minor=None, unused_minor=None, starts_at=None, ends_at=None
            ).model_dump(mode="json")
            return JSONResponse(told, _CREATED)

        return answer


preview_api = APIRouter(prefix=api.prefix, tags=api.tags, route_class=PreviewRoute, responses=api.responses)


@api.get("", dependencies=_READ, responses=refusals(CursorUnknown, identity.CustomerNotFound))
async def list_memberships(tx: TxDep, asked: Annotated[MembershipFilter, Query()]) -> Page[MembershipOut]:
    """Memberships, newest first."""
    rows = await reading.memberships_page(
        tx,
        customer_id=asked.customer_id,
        plan_id=asked.plan_id,
        status=asked.status,
        family=asked.family,
        before=asked.id_of("mbs"),
        limit=asked.limit + 1,
    )
    grace = (await identity.settings_of(tx)).grace_days
    return page_of(rows, asked, lambda each: shown_membership(each, tx.now, grace), by_id("mbs"))


@api.get(
    "/current", dependencies=_READ, responses=refusals(says.NoMembership, identity.CustomerNeeded, identity.CustomerNotFound)
)
async def get_current(
    tx: TxDep,
    customer_id: Annotated[CustomerId | None, Query(description="a customer's token is for its own customer")] = None,
    family: Annotated[str | None, Query(max_length=40)] = None,
) -> MembershipOut:
    """The customer's live membership: of a family, else of the main one, else the newest."""
    return await _shown(tx, await reading.current(tx, identity.acting_for(tx, customer_id), family))


@api.post(
    "/current/cancellations",
    status_code=_CREATED,
    dependencies=_WRITE,
    responses=refusals(says.NoMembership, identity.CustomerNeeded, identity.CustomerNotFound),
)
async def cancel_current(tx: TxDep, asked: OwnCancellationIn) -> MembershipOut:
    """End the customer's live membership with what is paid for, or at once. Again: nothing more while it runs."""
    customer_id = identity.acting_for(tx, asked.customer_id, loc=("body", "customer_id"))
    found = await reading.current(tx, customer_id, asked.family)
    return await _cancel(tx, found.id, asked)


@api.get("/{membership_id}", dependencies=_READ, responses=refusals(says.MembershipUnknown))
async def get_membership(tx: TxDep, membership_id: MembershipId) -> MembershipOut:
    """A membership as it stands."""
    return await _shown(tx, await reading.membership(tx, membership_id))


@api.get("/{membership_id}/periods", dependencies=_READ, responses=refusals(says.MembershipUnknown, CursorUnknown))
async def list_periods(tx: TxDep, membership_id: MembershipId, page: PageQuery) -> Page[PeriodOut]:
    """Its periods as they were billed, the newest first."""
    found = await reading.periods_page(tx, membership_id, before=page.number(), limit=page.limit + 1)
    return page_of(found, page, shown_period, lambda period: period.number)


@api.post("/{membership_id}/cancellations", status_code=_CREATED, dependencies=_WRITE, responses=refusals(says.MembershipUnknown))
async def cancel_membership(tx: TxDep, membership_id: MembershipId, asked: CancellationIn) -> MembershipOut:
    """End it with what is paid for, or at once; what was not paid for yet ends at once. Again: nothing more."""
    return await _cancel(tx, membership_id, asked)


@api.delete(
    "/{membership_id}/cancellations",
    dependencies=_WRITE,
    responses=refusals(says.MembershipUnknown, says.MembershipOver),
)
async def undo_cancellation(tx: TxDep, membership_id: MembershipId) -> MembershipOut:
    """Let it go on after all, before it has ended. Again: nothing."""
    return await _shown(tx, await leaving.undo_cancel(tx, membership_id))


@api.post(
    "/{membership_id}/pauses",
    status_code=_CREATED,
    dependencies=_WRITE,
    responses=refusals(*_STATE, says.RenewalUnderWay, says.PauseEndsBeforeItBegins, says.ProviderActsAtOnce),
)
async def pause_membership(tx: TxDep, membership_id: MembershipId, asked: PauseIn) -> MembershipOut:
    """Pause it at once, or when what is paid for is over. Of one that is paused: another end of the pause."""
    return await _shown(tx, await pausing.pause(tx, membership_id, at_period_end=asked.at_period_end, until=asked.until))


@api.post("/{membership_id}/resumptions", status_code=_CREATED, dependencies=_WRITE, responses=refusals(*_STATE))
async def resume_membership(tx: TxDep, membership_id: MembershipId) -> MembershipOut:
    """Go on now: with what a pause has left of a paid period, else with a new one, which is charged. Again: nothing."""
    return await _shown(tx, await pausing.resume(tx, membership_id))


@preview_api.post(
    "/{membership_id}/change-previews",
    status_code=_CREATED,
    dependencies=_READ,
    responses=refusals(*_CHANGE, payments.SubscriptionNotLive, payments.ProviderRefused, payments.ProviderUnavailable),
)
async def preview_change(tx: TxDep, membership_id: MembershipId, asked: ChangePreviewIn) -> ChangePreviewOut:
    """What a change to another plan would cost, now and at the period's end. Nothing is changed."""
    change = await changing.preview_change(tx, membership_id, asked.plan_id)
    now = change.now
    return ChangePreviewOut(
        membership_id=membership_id,
        plan_id=asked.plan_id,
        upgrade=change.upgrade,
        price_minor=change.price_minor,
        currency=change.membership.currency,
        now=None
        if now is None
        else ChangeNowOut(
            due_minor=now.due_minor,
            cost_minor=now.cost_minor,
            unused_minor=now.unused_minor,
            starts_at=now.starts_at,
            ends_at=now.ends_at,
        ),
        at_period_end=None if now is None else change.membership.period_end,
    )


@departures_api.get("", responses=refusals(CursorUnknown))
async def list_departures(tx: TxDep, page: PageQuery, reason: Annotated[Reason | None, Query()] = None) -> Page[DepartureOut]:
    """What customers said when they left, newest first; those too who stayed after all."""
    found = await reading.departures_page(tx, reason=reason, before=page.id_of("mbs"), limit=page.limit + 1)
    return page_of(found, page, shown_departure, by_id("mbs"))


async def _cancel(tx: Tx, membership_id: UUID, asked: CancellationIn) -> MembershipOut:
    cancelled = await leaving.cancel(
        tx, membership_id, at_period_end=asked.at_period_end, reason=asked.reason, comment=asked.comment
    )
    return await _shown(tx, cancelled)


async def _shown(tx: Tx, membership: Membership) -> MembershipOut:
    return shown_membership(membership, tx.now, (await identity.settings_of(tx)).grace_days)
