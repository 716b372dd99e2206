"""Bookings: what has a capacity, and who has a claim on it.

Two manners in one model: seats that are counted, and units of a pool that are somebody's for a period. What is wanted is held for
a while, extended while it is being paid, and consumed into tickets and attendees in the transaction that learns of the payment.
"""

from vezne.bookings.bookables import BOOKABLES
from vezne.bookings.events import (
    ClaimCancelled,
    ClaimConsumed,
    ClaimExtended,
    ClaimHeld,
    ClaimLapsed,
    ClaimReleased,
    TicketCheckedIn,
    TicketIssued,
    TicketTransferred,
    TicketVoided,
    WaitingOffered,
)
from vezne.bookings.models import Ask, Claim, Resource, Ticket, Unit
from vezne.bookings.operations.cancelling import cancel
from vezne.bookings.operations.checking import audit
from vezne.bookings.operations.consuming import consume
from vezne.bookings.operations.ending import expire_due, release
from vezne.bookings.operations.holding import extend, hold
from vezne.bookings.operations.offering import held_until
from vezne.bookings.operations.resources import (
    add_units,
    change_resource,
    change_unit,
    create_resource,
    resource,
    resources_page,
    unit,
)
from vezne.bookings.operations.tickets import (
    claim,
    claims_page,
    ticket,
    ticket_code,
    tickets_of,
    tickets_page,
    transfer_ticket,
)
from vezne.bookings.periods import period_of_days, units_of_price
from vezne.bookings.refusals import (
    AdmissionNeeded,
    ClaimUnknown,
    DatesBackwards,
    DatesPast,
    DatesTooFar,
    HoldNotAhead,
    NoUnitFree,
    PaymentRequired,
    PeriodNeeded,
    PeriodNotTaken,
    QuantityOutOfRange,
    ResourceClosed,
    ResourceOver,
    ResourceUnknown,
    SoldOut,
    TicketUsed,
)

__all__ = [
    "BOOKABLES",
    "AdmissionNeeded",
    "Ask",
    "Claim",
    "ClaimCancelled",
    "ClaimConsumed",
    "ClaimExtended",
    "ClaimHeld",
    "ClaimLapsed",
    "ClaimReleased",
    "ClaimUnknown",
    "DatesBackwards",
    "DatesPast",
    "DatesTooFar",
    "HoldNotAhead",
    "NoUnitFree",
    "PaymentRequired",
    "PeriodNeeded",
    "PeriodNotTaken",
    "QuantityOutOfRange",
    "Resource",
    "ResourceClosed",
    "ResourceOver",
    "ResourceUnknown",
    "SoldOut",
    "Ticket",
    "TicketCheckedIn",
    "TicketIssued",
    "TicketTransferred",
    "TicketUsed",
    "TicketVoided",
    "Unit",
    "WaitingOffered",
    "add_units",
    "audit",
    "cancel",
    "change_resource",
    "change_unit",
    "claim",
    "claims_page",
    "consume",
    "create_resource",
    "expire_due",
    "extend",
    "held_until",
    "hold",
    "period_of_days",
    "release",
    "resource",
    "resources_page",
    "ticket",
    "ticket_code",
    "tickets_of",
    "tickets_page",
    "transfer_ticket",
    "unit",
    "units_of_price",
]
