"""What bookings refuses, by the fact."""

from vezne.kernel.errors import Conflict, Invalid, NotFound


class ResourceUnknown(NotFound):
    """There is no resource {resource_id}."""


class UnitUnknown(NotFound):
    """There is no unit {unit_id}."""


class ClaimUnknown(NotFound):
    """There is no claim {claim_id}."""


class TicketUnknown(NotFound):
    """There is no such ticket."""


class AttendeeUnknown(NotFound):
    """There is no attendee {attendee_id}."""


class WaitingUnknown(NotFound):
    """There is no place {waiting_id} in a waiting list."""


class KindUnknown(Invalid):
    """Nothing of the kind {kind} can be booked; there are {kinds}."""


class EndsBeforeItStarts(Invalid):
    """It ends after it starts."""


class CapacityNeeded(Invalid):
    """A resource of the kind {kind} names how many seats it has."""


class CapacityByUnits(Invalid):
    """A pool's capacity is the number of its units: add units to it."""


class CapacityBelowBooked(Conflict):
    """{booked} seats are held or booked; the capacity cannot be less."""


class NotForPools(Invalid):
    """A pool of units has neither a waiting list nor admission by request or invitation."""


class UnitsOfPoolsOnly(Invalid):
    """Only a pool has units; {resource_id} has seats."""


class UnitNameTaken(Conflict):
    """The pool has a unit {name} already."""


class ResourceClosed(Conflict):
    """{name} takes no bookings: it is {status}."""


class ResourceOver(Conflict):
    """{name} is over."""


class SoldOut(Conflict):
    """Not enough seats are left: {left} of {quantity} asked for."""


class NoUnitFree(Conflict):
    """No unit is free between these dates."""


class QuantityOutOfRange(Invalid):
    """A quantity is from 1 to {most}."""


class PeriodNeeded(Invalid):
    """A unit is booked from a time to a time: name both."""


class PeriodNotTaken(Invalid):
    """Seats are booked without a period: the resource has its own time."""


class DatesBackwards(Invalid):
    """The end of the period lies after its start."""

    status = 400  # as the documents have it: "Geçersiz tarih aralığı"


class DatesPast(Invalid):
    """The period lies in the past."""

    status = 400


class DatesTooFar(Invalid):
    """A period ends at most {years} years ahead."""

    status = 400


class HoldNotAhead(Invalid):
    """A hold ends in the future, within {days} days."""


class AdmissionNeeded(Conflict):
    """{name} is by {admission}: this customer's place has not been accepted."""


class PaymentRequired(Conflict):
    """Not before the order is paid: {name} has a price."""


class ClaimOfOrder(Conflict):
    """The claim {claim_id} belongs to an order: cancel or refund the order."""


class ClaimTaken(Conflict):
    """The claim {claim_id} belongs to another order."""


class TicketsNotOfClaim(Invalid):
    """Not every one of these tickets is a valid ticket of the claim {claim_id}."""


class TicketUsed(Conflict):
    """The ticket {ticket_id} was checked in at {checked_in_at}."""


class TicketVoid(Conflict):
    """This ticket is void."""


class TicketSuperseded(Conflict):
    """This code is void: the ticket has passed to another person since."""


class TicketOver(Conflict):
    """The ticket was good until {good_until}."""


class TicketElsewhere(Conflict):
    """This ticket is for {name}, not for what is checked here."""


class CodeNotOurs(Invalid):
    """This is no ticket of ours: its signature is not right."""


class AlreadyCheckedIn(Conflict):
    """This ticket was checked in already, at {checked_in_at}."""


class NonceUsed(Conflict):
    """The nonce {nonce} was used for another ticket."""


class AlreadyInvolved(Conflict):
    """This customer is {status} already."""


class AttendeeNotAt(Conflict):
    """The attendee is {status}; that cannot be {act} now."""


class NoWaitingList(Conflict):
    """{name} has no waiting list."""


class SeatsLeft(Conflict):
    """{left} seats are free: book them."""


class AlreadyWaiting(Conflict):
    """This customer is in the waiting list already."""


class WaitingOver(Conflict):
    """This place in the waiting list is {status}."""


class NoAttendees(Conflict):
    """{name} keeps no list of who comes."""
