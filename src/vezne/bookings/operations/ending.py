"""How holds end unbooked: they lapse, or they are released. What they kept is free again, and offered to those who wait."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from vezne.bookings import events
from vezne.bookings.models import Claim
from vezne.bookings.operations.offering import offer_seats
from vezne.bookings.queries import claims, resources, units, waiting
from vezne.bookings.refusals import ClaimUnknown
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id

_AT_ONCE = 500


async def release(tx: Tx, claim_id: UUID) -> None:
    """Give a held claim back before its time. Any other, or again: nothing. Raises ClaimUnknown."""
    held = await claims.lock_claim(tx, claim_id)
    if held is None:
        raise ClaimUnknown(claim_id=public_id("clm", claim_id))
    if held.status == "held":
        await end_holds(tx, [held], "released")


async def expire_due(tx: Tx) -> int:
    """Held claims of one resource whose time is over lapse, and units whose last period is over are idle; how many in all.

    Again: the next ones; 0 when nothing is due.
    """
    resource_id = await claims.select_due_resource(tx)
    if resource_id is not None:
        lapsed = await claims.lock_lapsed(tx, resource_id, limit=_AT_ONCE)
        await end_holds(tx, lapsed, "lapsed")
        return len(lapsed)
    return await units.vacate_due(tx, _AT_ONCE)


async def end_holds(tx: Tx, held: Sequence[Claim], status: Literal["lapsed", "released"]) -> None:
    """Locked held claims of one resource end, and what they kept is free."""
    ids = [claim.id for claim in held]
    await claims.end_held(tx, ids, status)
    fact = events.ClaimLapsed if status == "lapsed" else events.ClaimReleased
    await tx.publish(*[fact(claim_id=claim.id, resource_id=claim.resource_id) for claim in held])
    on_units = [claim.unit_id for claim in held if claim.unit_id is not None]
    if on_units:
        await units.lock_units(tx, on_units)
        for claim in held:
            if claim.unit_id is not None:
                await units.give_time(tx, claim.unit_id, claim.starts_at, claim.ends_at)
        return
    resource = await resources.move_seats(tx, held[0].resource_id, held=-sum(claim.quantity for claim in held))
    ended = await waiting.end_offers(tx, ids, "lapsed" if status == "lapsed" else "left")
    gone = events.WaitingLapsed if status == "lapsed" else events.WaitingLeft
    await tx.publish(*[gone(waiting_id=each.id, resource_id=each.resource_id, customer_id=each.customer_id) for each in ended])
    if resource is not None:
        await offer_seats(tx, resource)
