"""The booking widget: storage reserved from other people's web sites, and paid on ours.

A guest's request is kept with its consents, then converted: a unit is held and an order placed. When nothing is free, the
request waits, and staff may convert it later.

Wiring, for the composition root: include `widget.api.ROUTERS`; they need `app.state.edge`, `app.state.gateways` and
`app.state.settings`.
"""

from vezne.widget.events import ReservationAsked, ReservationCancelled, ReservationConverted
from vezne.widget.models import NoStorageFree, Reservation, ReservationStatus, ReservationUnknown
from vezne.widget.operations.checking import audit
from vezne.widget.operations.reserving import cancel, convert, reservation, reservations
from vezne.widget.operations.storages import available

__all__ = [
    "NoStorageFree",
    "Reservation",
    "ReservationAsked",
    "ReservationCancelled",
    "ReservationConverted",
    "ReservationStatus",
    "ReservationUnknown",
    "audit",
    "available",
    "cancel",
    "convert",
    "reservation",
    "reservations",
]
