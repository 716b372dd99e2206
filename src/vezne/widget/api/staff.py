"""Widget reservations for staff: see and cancel. A payee's staff see those of its own storages."""

from typing import Annotated

from fastapi import Query

from vezne import payments
from vezne.kernel.db import Tx
from vezne.kernel.http import TxDep, refusals, requires, router
from vezne.kernel.ids import public_id
from vezne.kernel.paging import CursorUnknown, Page, PageParams, page_of
from vezne.widget.api.shapes import ConsentOut, GuestOut, ReservationId, WidgetReservationOut
from vezne.widget.models import Consent, Reservation, ReservationPaid, ReservationStatus, ReservationUnknown
from vezne.widget.operations import reserving

api = router("/v1/widget-reservations", "widget")


class ReservationFilter(PageParams):
    """Which reservations are asked for."""

    status: ReservationStatus | None = None


@api.get("", dependencies=[requires("reservations.read")], responses=refusals(CursorUnknown))
async def list_widget_reservations(tx: TxDep, asked: Annotated[ReservationFilter, Query()]) -> Page[WidgetReservationOut]:
    """What guests asked for, newest first."""
    found = await reserving.reservations(tx, status=asked.status, before=asked.id_of("wrs"), limit=asked.limit + 1)
    return page_of(found, asked, lambda made: shown_reservation(*made), lambda made: public_id("wrs", made[0].id))


@api.get("/{reservation_id}", dependencies=[requires("reservations.read")], responses=refusals(ReservationUnknown))
async def get_widget_reservation(tx: TxDep, reservation_id: ReservationId) -> WidgetReservationOut:
    """One reservation."""
    return await whole(tx, await reserving.reservation(tx, reservation_id))


@api.post(
    "/{reservation_id}/cancellations",
    dependencies=[requires("reservations.write")],
    responses=refusals(ReservationUnknown, ReservationPaid, payments.PaymentInFlight, payments.PaymentNotOpen),
)
async def cancel_widget_reservation(tx: TxDep, reservation_id: ReservationId) -> WidgetReservationOut:
    """Give a reservation up: its order, when it is not paid, is cancelled and the unit free again. Again: no change."""
    return await whole(tx, await reserving.cancel(tx, reservation_id))


async def whole(tx: Tx, made: Reservation) -> WidgetReservationOut:
    """A reservation with its consents."""
    return shown_reservation(made, await reserving.consents_of(tx, made.id))


def shown_reservation(made: Reservation, consents: list[Consent]) -> WidgetReservationOut:
    """A reservation as the API shows it to staff."""
    return WidgetReservationOut(
        id=made.id,
        status=made.status,
        guest=GuestOut(name=made.guest.name, email=made.guest.email, phone=made.guest.phone),
        checkin_date=made.checkin_date,
        checkout_date=made.checkout_date,
        quantity=made.quantity,
        locale=made.locale,
        wanted_resource_id=made.wanted_resource_id,
        resource_id=made.resource_id,
        payee_id=made.payee_id,
        customer_id=made.customer_id,
        order_id=made.order_id,
        payment_id=made.payment_id,
        consents=[
            ConsentOut(
                kind=each.kind,
                text_version=each.text_version,
                text_url=each.text_url,
                language=each.language,
                given_at=each.given_at,
            )
            for each in consents
        ],
        created_at=made.created_at,
        converted_at=made.converted_at,
        cancelled_at=made.cancelled_at,
    )
