"""The storage documents' demo endpoints, for staff: what is free, converting a request by hand, ending a demo payment."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from vezne import identity, payments
from vezne.kernel.body import BodyNotJson, BodyTooLarge
from vezne.kernel.db import Busy, DatabaseUnavailable
from vezne.kernel.errors import Invalid, NotFound, RateLimited, Unauthenticated
from vezne.kernel.http import StrictRequest, TxDep, refusals, requires, router
from vezne.kernel.principal import PermissionMissing, Principal
from vezne.widget.api.public import shown_taken
from vezne.widget.api.shapes import (
    DayText,
    ReservationId,
    SimulatedOut,
    SimulationIn,
    StorageOut,
    StoragesOut,
    TakenOut,
    read_day,
)
from vezne.widget.api.taking import Taken
from vezne.widget.api.visitor import edge_of, gateways_of, speak, told
from vezne.widget.models import (
    DayUnreadable,
    DemoOfLiveTenant,
    DemoPaymentUnknown,
    NoStorageFree,
    ReservationCancelledAlready,
    ReservationUnknown,
    StayBackwards,
    StayInThePast,
    StayTooFar,
)
from vezne.widget.operations import paying, reserving, storages


class StaffRoute(APIRoute):
    """A route for a key whose endpoint opens its own transactions, as a provider is asked between them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint, once it is known who asks."""
        endpoint = super().get_route_handler()

        async def answer(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            who = await edge_of(strict).authenticate(strict)
            strict.state.principal = replace(who, request_id=strict.state.request_id)
            if await strict.body():
                await strict.json()  # here, since FastAPI would hide what is wrong with a body it reads itself
            return await endpoint(strict)

        return answer


read_api = router("/v1/demo", "widget")
api = APIRouter(
    prefix="/v1/demo",
    tags=["widget"],
    route_class=StaffRoute,
    responses=refusals(
        BodyNotJson, Unauthenticated, PermissionMissing, NotFound, BodyTooLarge, Invalid, RateLimited, Busy, DatabaseUnavailable
    ),
)


@read_api.get(
    "/available-storages",
    dependencies=[requires("bookings.read")],
    responses=refusals(DayUnreadable, StayBackwards, StayInThePast, StayTooFar),
)
async def list_available_storages(
    tx: TxDep, checkin_date: Annotated[DayText, Query()], checkout_date: Annotated[DayText, Query()]
) -> StoragesOut:
    """The storages with a unit that is free from the first day to the last."""
    first = read_day(checkin_date, "checkin_date", where="query")
    last = read_day(checkout_date, "checkout_date", where="query")
    found = await storages.available(tx, first, last)
    return StoragesOut(
        data=[
            StorageOut(
                id=each.id,
                name=each.name,
                free_units=each.free or 0,
                price_minor=each.price_minor,
                currency=each.currency,
                per=each.per,
            )
            for each in found
        ]
    )


@api.post(
    "/widget-reservations/{reservation_id}/convert",
    dependencies=[requires("reservations.write")],
    responses=refusals(ReservationUnknown, ReservationCancelledAlready, NoStorageFree, StayInThePast),
)
async def convert_widget_reservation(request: Request, reservation_id: ReservationId) -> TakenOut:
    """Convert a request that still waits, because nothing was free when it came. Again: the same order and payment."""
    db, principal = edge_of(request).db, _staff(request)
    async with db.transaction(principal, read_only=True) as tx:
        speak(request, (await identity.settings_of(tx)).locale)
    try:
        async with db.transaction(principal) as tx:
            made = await reserving.convert(tx, reservation_id)
    except NoStorageFree as refusal:
        refusal.detail = told(request, refusal)
        raise
    return shown_taken(Taken(made, await paying.to_pay(db, gateways_of(request), principal, made), again=True))


@api.post(
    "/payments/{intent_id}/simulate",
    dependencies=[requires("orders.write")],
    responses=refusals(DemoOfLiveTenant, DemoPaymentUnknown, payments.MagicPaySessionDecided),
)
async def simulate_payment(
    request: Request,
    intent_id: Annotated[str, Path(description="`payment_intent_id`: a demo session, or the payment's id")],
    asked: SimulationIn,
) -> SimulatedOut:
    """Play the end of a demo payment, as the demo's page would. The same again: nothing changes. Of test tenants only."""
    payment = await paying.simulate(
        edge_of(request).db, gateways_of(request), _staff(request), intent_id, success=asked.result == "success"
    )
    return SimulatedOut(
        ok=True,
        payment_id=payment.id,
        payment_status="paid" if payment.status is payments.PaymentStatus.SUCCEEDED else asked.result,
    )


def _staff(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal
