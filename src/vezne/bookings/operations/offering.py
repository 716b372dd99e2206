"""The waiting list's offers: seats that came free are held for the first in line who wants no more than those.

They are offered in the transaction that frees them, so nobody else comes in between.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from vezne import identity
from vezne.bookings import events
from vezne.bookings.models import Ask, Claim, Resource, Waiting
from vezne.bookings.queries import claims, resources, waiting
from vezne.bookings.refusals import SoldOut
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id


async def offer_seats(tx: Tx, resource: Resource) -> None:
    """Offer what a locked resource has left to those who wait for it, in their order, as far as it goes."""
    if not resource.waiting_list or resource.status != "open":
        return
    left = resource.left
    while left > 0 and (first := await waiting.select_in_line(tx, resource.id, left)) is not None:
        await _offer(tx, resource, first, await held_until(tx, resource))
        left -= first.quantity


async def held_until(tx: Tx, resource: Resource) -> datetime:
    """Until when a hold of this resource lives that begins now and is not extended."""
    seconds = resource.hold_seconds
    if seconds is None:
        seconds = (await identity.settings_of(tx)).hold_seconds
    return tx.now + timedelta(seconds=seconds)


async def take_offer(tx: Tx, resource: Resource, ask: Ask, until: datetime) -> Claim | None:
    """The claim that is offered to the customer who asks, now for what they ask; None when there is no offer.

    Raises SoldOut when they want more seats than were offered and are left.
    """
    place = await waiting.select_offer_to(tx, resource.id, ask.customer_id)
    claim = None if place is None or place.claim_id is None else await claims.lock_claim(tx, place.claim_id)
    if place is None or claim is None or claim.status != "held" or not is_offer(claim, place):
        return None
    more = ask.quantity - claim.quantity
    after = await resources.move_seats(tx, resource.id, held=more) if more else resource
    if after is None:
        raise SoldOut(left=claim.quantity, quantity=ask.quantity, loc=("body", "quantity"))
    expires_at = until if claim.expires_at is None else max(until, claim.expires_at)
    taken = replace(claim, quantity=ask.quantity, purpose=ask.purpose, expires_at=expires_at)
    await claims.update_claim(tx, taken)
    await tx.publish(events.ClaimExtended(claim_id=claim.id, resource_id=resource.id, expires_at=expires_at))
    if more < 0:
        await offer_seats(tx, after)
    return taken


def is_offer(claim: Claim, place: Waiting) -> bool:
    """Whether the claim is still only offered: not yet taken for an order or otherwise."""
    return claim.purpose == _purpose(place)


async def _offer(tx: Tx, resource: Resource, place: Waiting, until: datetime) -> None:
    claim = Claim(
        id=new_id(),
        resource_id=resource.id,
        unit_id=None,
        starts_at=None,
        ends_at=None,
        quantity=place.quantity,
        cancelled=0,
        customer_id=place.customer_id,
        purpose=_purpose(place),
        status="held",
        expires_at=until,
        order_id=None,
        created_at=tx.now,
    )
    if not await claims.insert_seats(tx, claim):
        return
    await waiting.update_waiting(tx, replace(place, status="offered", claim_id=claim.id, offered_at=tx.now))
    await tx.publish(
        events.ClaimHeld(
            claim_id=claim.id,
            resource_id=resource.id,
            unit_id=None,
            customer_id=place.customer_id,
            quantity=place.quantity,
            expires_at=until,
        ),
        events.WaitingOffered(
            waiting_id=place.id,
            resource_id=resource.id,
            customer_id=place.customer_id,
            claim_id=claim.id,
            expires_at=until,
        ),
    )


def _purpose(place: Waiting) -> str:
    return public_id("wtg", place.id)
