"""Holding capacity for somebody for a while, and giving it longer.

Seats are one guarded statement on the resource's counters. A unit is found by the gap of free time that contains the period:
first among units that nobody is working on, and only when there is none by waiting, so that no free unit is refused. In both
manners holds whose time is over make room at once, whether or not the sweep has run.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from vezne import identity
from vezne.bookings import events
from vezne.bookings.models import FURTHEST_YEARS, MAX_QUANTITY, Ask, Claim, Resource
from vezne.bookings.operations.ending import end_holds
from vezne.bookings.operations.offering import take_offer
from vezne.bookings.operations.resources import resource as resource_by_id
from vezne.bookings.periods import start_of_today
from vezne.bookings.queries import attendees, claims, resources, units
from vezne.bookings.refusals import (
    AdmissionNeeded,
    ClaimUnknown,
    DatesBackwards,
    DatesPast,
    DatesTooFar,
    HoldNotAhead,
    NoUnitFree,
    PeriodNeeded,
    PeriodNotTaken,
    QuantityOutOfRange,
    ResourceClosed,
    ResourceOver,
    ResourceUnknown,
    SoldOut,
)
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id

LONGEST_HOLD = timedelta(days=60)
_REAPED_AT_ONCE = 50


async def hold(tx: Tx, ask: Ask, *, until: datetime) -> Claim:
    """Keep what is asked for until `until`. Each call is another claim; seats offered to this waiting customer are taken first.

    Raises ResourceUnknown, ResourceClosed, ResourceOver, CustomerNotFound, QuantityOutOfRange, SoldOut, NoUnitFree, PeriodNeeded,
    PeriodNotTaken, DatesBackwards, DatesPast, DatesTooFar, AdmissionNeeded, HoldNotAhead.
    """
    if not tx.now < until <= tx.now + LONGEST_HOLD:
        raise HoldNotAhead(days=LONGEST_HOLD.days, loc=("body", "expires_at"))
    resource = await resource_by_id(tx, ask.resource_id)
    _check_open(tx, resource)
    await identity.customer(tx, ask.customer_id)
    if resource.manner == "exclusive":
        await _check_period(tx, ask)
    elif ask.starts_at is not None or ask.ends_at is not None:
        raise PeriodNotTaken(loc=("body", "starts_at" if ask.starts_at else "ends_at"))
    most = MAX_QUANTITY if resource.manner == "counted" else 1
    if not 1 <= ask.quantity <= most:
        raise QuantityOutOfRange(most=most, loc=("body", "quantity"))
    await refuse_unadmitted(tx, resource, ask.customer_id)
    offered = await take_offer(tx, resource, ask, until) if resource.waiting_list else None
    if offered is not None:
        return offered
    claim = await (_hold_unit if resource.manner == "exclusive" else _hold_seats)(tx, _asked(tx, ask, until))
    await tx.publish(
        events.ClaimHeld(
            claim_id=claim.id,
            resource_id=claim.resource_id,
            unit_id=claim.unit_id,
            customer_id=claim.customer_id,
            quantity=claim.quantity,
            expires_at=until,
        )
    )
    return claim


async def extend(tx: Tx, claim_id: UUID, until: datetime) -> Claim:
    """A held claim lives until `until`, if that is longer; else, or when it is held no more, nothing: it is answered as it is.

    Raises ClaimUnknown, HoldNotAhead.
    """
    if until > tx.now + LONGEST_HOLD:
        raise HoldNotAhead(days=LONGEST_HOLD.days, loc=("body", "expires_at"))
    held = await claims.lock_claim(tx, claim_id)
    if held is None:
        raise ClaimUnknown(claim_id=public_id("clm", claim_id))
    if held.expires_at is None or held.expires_at >= until:
        return held
    longer = replace(held, expires_at=until)
    await claims.update_claim(tx, longer)
    await tx.publish(events.ClaimExtended(claim_id=claim_id, resource_id=held.resource_id, expires_at=until))
    return longer


async def refuse_unadmitted(tx: Tx, resource: Resource, customer_id: UUID) -> None:
    """Raise AdmissionNeeded when the resource is by request or invitation and the customer has not been accepted."""
    if resource.admission == "open":
        return
    if await attendees.select_status(tx, resource.id, customer_id) not in {"accepted", "going"}:
        by = {"request": "request", "invite": "invitation"}[resource.admission]
        raise AdmissionNeeded(name=resource.name, admission=by, loc=("body", "customer_id"))


async def refuse_full(tx: Tx, resource: Resource, quantity: int) -> None:
    """Raise SoldOut where `hold` would, before anything is asked that only matters to who gets a seat.

    When seats go on sale most who come are refused, and they should not wait for those who are served.
    """
    if resource.manner == "counted" and not resource.waiting_list and resource.left < quantity:
        _check_open(tx, resource)
        await room_for(tx, resource.id, quantity)


async def room_for(tx: Tx, resource_id: UUID, quantity: int) -> Resource:
    """The resource once it seems to have so many seats, for which holds whose time is over may have lapsed. Raises SoldOut."""
    if await claims.any_lapsed(tx, resource_id):
        found = await resources.lock_resource(tx, resource_id)
        if (
            found is not None
            and found.left < quantity
            and (lapsed := await claims.lock_lapsed(tx, resource_id, limit=_REAPED_AT_ONCE))
        ):
            await end_holds(tx, lapsed, "lapsed")
            return found
    else:
        found = await resources.select_resource(tx, resource_id)
    if found is None:
        raise ResourceUnknown(resource_id=public_id("rsc", resource_id))
    if found.left < quantity:
        raise SoldOut(left=max(found.left, 0), quantity=quantity, loc=("body", "quantity"))
    return found


async def take_unit(tx: Tx, claim: Claim, take: Callable[[UUID], Awaitable[bool]]) -> UUID:
    """`take` a unit of the pool that is free for the claim's period; `take` says whether it was. Raises NoUnitFree."""
    pool, starts_at, ends_at = claim.resource_id, claim.starts_at, claim.ends_at
    all_reaped = False
    while True:
        unit_id = None if all_reaped else await units.lock_free_unit(tx, pool, starts_at, ends_at, wait=False)
        if unit_id is None:
            unit_id = await units.lock_free_unit(tx, pool, starts_at, ends_at, wait=True)
        if unit_id is not None:
            if await take(unit_id):
                return unit_id
        elif all_reaped:
            raise NoUnitFree(loc=("body", "starts_at"))
        elif lapsed := await claims.lock_lapsed_between(tx, pool, starts_at, ends_at, limit=_REAPED_AT_ONCE):
            await end_holds(tx, lapsed, "lapsed")
        else:
            all_reaped = True  # and somebody whom we waited for may have given one back meanwhile: one more look


def _check_open(tx: Tx, resource: Resource) -> None:
    if resource.status != "open":
        raise ResourceClosed(name=resource.name, status=resource.status)
    if resource.good_until is not None and resource.good_until <= tx.now:
        raise ResourceOver(name=resource.name)


async def _check_period(tx: Tx, ask: Ask) -> None:
    if ask.starts_at is None or ask.ends_at is None:
        raise PeriodNeeded(loc=("body", "starts_at" if ask.starts_at is None else "ends_at"))
    if ask.ends_at <= ask.starts_at:
        raise DatesBackwards(loc=("body", "ends_at"))
    zone = (await identity.settings_of(tx)).zone
    if ask.starts_at < start_of_today(zone, tx.now):
        raise DatesPast(loc=("body", "starts_at"))
    if ask.ends_at <= tx.now:
        raise DatesPast(loc=("body", "ends_at"))
    if ask.ends_at > tx.now + timedelta(days=366 * FURTHEST_YEARS):
        raise DatesTooFar(years=FURTHEST_YEARS, loc=("body", "ends_at"))


def _asked(tx: Tx, ask: Ask, until: datetime) -> Claim:
    return Claim(
        id=new_id(),
        resource_id=ask.resource_id,
        unit_id=None,
        starts_at=ask.starts_at,
        ends_at=ask.ends_at,
        quantity=ask.quantity,
        cancelled=0,
        customer_id=ask.customer_id,
        purpose=ask.purpose,
        status="held",
        expires_at=until,
        order_id=None,
        created_at=tx.now,
    )


async def _hold_seats(tx: Tx, claim: Claim) -> Claim:
    while not await claims.insert_seats(tx, claim):
        _check_open(tx, await room_for(tx, claim.resource_id, claim.quantity))
    return claim


async def _hold_unit(tx: Tx, claim: Claim) -> Claim:
    async def take(unit_id: UUID) -> bool:
        return await units.insert_claim(tx, replace(claim, unit_id=unit_id))

    return replace(claim, unit_id=await take_unit(tx, claim, take))
