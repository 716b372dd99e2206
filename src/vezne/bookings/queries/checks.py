"""SQL of the audit: what is booked, checked on another path than the one that wrote it."""

from typing import LiteralString
from uuid import UUID

from vezne.kernel.db import Tx

_CHECKS: tuple[tuple[str, str, LiteralString], ...] = (
    (
        "seats never exceed the capacity",
        "rsc",
        """SELECT id, held || ' held and ' || taken || ' taken of ' || capacity AS message FROM resources
           WHERE tenant_id = $1 AND held + taken > capacity ORDER BY id LIMIT $2""",
    ),
    (
        "counters are the claims",
        "rsc",
        """SELECT resources.id, 'counts ' || resources.held || ' held and ' || resources.taken || ' taken, its claims '
                  || coalesce(live.held, 0) || ' and ' || coalesce(live.taken, 0) AS message
           FROM resources LEFT JOIN (
               SELECT resource_id, sum(quantity) FILTER (WHERE status = 'held') AS held,
                      sum(quantity - cancelled) FILTER (WHERE status = 'consumed') AS taken
               FROM claims WHERE tenant_id = $1 AND unit_id IS NULL GROUP BY resource_id) AS live
             ON live.resource_id = resources.id
           WHERE resources.tenant_id = $1
             AND (resources.held <> coalesce(live.held, 0) OR resources.taken <> coalesce(live.taken, 0))
           ORDER BY resources.id LIMIT $2""",
    ),
    (
        "a pool's capacity is its units",
        "rsc",
        """SELECT resources.id, 'says ' || capacity || ', has ' || count(units.id) AS message
           FROM resources LEFT JOIN units ON units.tenant_id = resources.tenant_id AND units.resource_id = resources.id
           WHERE resources.tenant_id = $1 AND manner = 'exclusive'
           GROUP BY resources.id, capacity HAVING capacity <> count(units.id) ORDER BY resources.id LIMIT $2""",
    ),
    (
        "claims are of their resource's manner",
        "clm",
        """SELECT claims.id, 'on ' || resources.manner || ' capacity' AS message
           FROM claims JOIN resources ON resources.tenant_id = claims.tenant_id AND resources.id = claims.resource_id
           LEFT JOIN units ON units.tenant_id = claims.tenant_id AND units.id = claims.unit_id
           WHERE claims.tenant_id = $1 AND ((resources.manner = 'exclusive') <> (claims.unit_id IS NOT NULL)
                 OR units.resource_id <> claims.resource_id)
           ORDER BY claims.id LIMIT $2""",
    ),
    (
        "no two claims on a unit overlap",
        "clm",
        """SELECT id, 'overlaps the claim before it on its unit' AS message FROM (
               SELECT id, starts_at < max(ends_at) OVER (
                   PARTITION BY unit_id ORDER BY starts_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS too_early
               FROM claims WHERE tenant_id = $1 AND unit_id IS NOT NULL AND status IN ('held', 'consumed')) AS claim
           WHERE too_early ORDER BY id LIMIT $2""",
    ),
    (
        "free time is what is not claimed",
        "unt",
        """SELECT units.id, 'is free ' || coalesce(free.periods::text, 'never') || ', which its claims do not leave' AS message
           FROM units
           LEFT JOIN (SELECT unit_id, range_agg(tstzrange(starts_at, ends_at)) AS periods, count(*) AS gaps
                      FROM unit_gaps WHERE tenant_id = $1 GROUP BY unit_id) AS free ON free.unit_id = units.id
           LEFT JOIN (SELECT unit_id, range_agg(tstzrange(starts_at, ends_at)) AS periods
                      FROM claims WHERE tenant_id = $1 AND unit_id IS NOT NULL AND status IN ('held', 'consumed')
                      GROUP BY unit_id) AS live ON live.unit_id = units.id
           WHERE units.tenant_id = $1
             AND (coalesce(free.periods, '{}')
                  <> tstzmultirange(tstzrange('-infinity', 'infinity')) - coalesce(live.periods, '{}')
                  OR free.gaps <> (SELECT count(*) FROM unnest(free.periods)))
           ORDER BY units.id LIMIT $2""",
    ),
    (
        "a unit's status is its bookings'",
        "unt",
        """SELECT units.id, 'is ' || units.status || ', occupied until ' || coalesce(units.occupied_until::text, 'never')
                  || ', booked until ' || coalesce(booked.until::text, 'never') AS message
           FROM units LEFT JOIN (
               SELECT unit_id, max(ends_at) AS until FROM claims
               WHERE tenant_id = $1 AND unit_id IS NOT NULL AND status = 'consumed' GROUP BY unit_id) AS booked
             ON booked.unit_id = units.id
           WHERE units.tenant_id = $1
             AND ((booked.until > $3::timestamptz AND units.occupied_until IS DISTINCT FROM booked.until)
                  OR units.occupied_until > coalesce(booked.until, '-infinity'))
           ORDER BY units.id LIMIT $2""",
    ),
    (
        "every booked seat has its ticket",
        "clm",
        """SELECT claims.id, 'has ' || count(tickets.id) || ' valid tickets, and is ' || claims.status || ' for '
                  || claims.quantity - claims.cancelled AS message
           FROM claims JOIN resources ON resources.tenant_id = claims.tenant_id AND resources.id = claims.resource_id
           LEFT JOIN tickets ON tickets.tenant_id = claims.tenant_id AND tickets.claim_id = claims.id AND tickets.status = 'valid'
           WHERE claims.tenant_id = $1
           GROUP BY claims.id, claims.status, claims.quantity, claims.cancelled, resources.kind
           HAVING count(tickets.id) <> CASE WHEN claims.status = 'consumed' AND resources.kind = ANY ($3::text[])
                                            THEN claims.quantity - claims.cancelled ELSE 0 END
           ORDER BY claims.id LIMIT $2""",
    ),
    (
        "whoever goes has the tickets",
        "atd",
        """SELECT attendees.id, 'has ' || attendees.seats || ' seats and ' || coalesce(owned.tickets, 0) || ' tickets' AS message
           FROM attendees LEFT JOIN (
               SELECT resource_id, customer_id, count(*) AS tickets FROM tickets
               WHERE tenant_id = $1 AND status = 'valid' GROUP BY resource_id, customer_id) AS owned
             ON owned.resource_id = attendees.resource_id AND owned.customer_id = attendees.customer_id
           WHERE attendees.tenant_id = $1 AND attendees.seats <> coalesce(owned.tickets, 0)
           ORDER BY attendees.id LIMIT $2""",
    ),
    (
        "going_count is who goes",
        "rsc",
        """SELECT resources.id, 'counts ' || resources.going_count || ', its attendees ' || coalesce(going.seats, 0) AS message
           FROM resources LEFT JOIN (
               SELECT resource_id, sum(seats) AS seats FROM attendees WHERE tenant_id = $1 AND status = 'going'
               GROUP BY resource_id) AS going ON going.resource_id = resources.id
           WHERE resources.tenant_id = $1 AND resources.going_count <> coalesce(going.seats, 0)
           ORDER BY resources.id LIMIT $2""",
    ),
    (
        "attendance follows the tickets",
        "tkt",
        """SELECT tickets.id, 'is ' || tickets.status || ', its attendance ' || attendance_records.status AS message
           FROM tickets JOIN attendance_records
             ON attendance_records.tenant_id = tickets.tenant_id AND attendance_records.ticket_id = tickets.id
           WHERE tickets.tenant_id = $1
             AND ((tickets.status = 'void') <> (attendance_records.status = 'cancelled')
                  OR (tickets.checked_in_at IS NOT NULL) <> (attendance_records.status = 'attended')
                  OR tickets.customer_id <> attendance_records.customer_id)
           ORDER BY tickets.id LIMIT $2""",
    ),
    (
        "whoever was let in had a ticket",
        "tkt",
        """SELECT tickets.id, 'was checked in at ' || coalesce(tickets.checked_in_at::text, 'no time') || ', the door says '
                  || coalesce(check_ins.checked_in_at::text, 'never') AS message
           FROM tickets LEFT JOIN check_ins ON check_ins.tenant_id = tickets.tenant_id AND check_ins.ticket_id = tickets.id
           WHERE tickets.tenant_id = $1
             AND (tickets.checked_in_at IS DISTINCT FROM check_ins.checked_in_at
                  OR (tickets.checked_in_at IS NOT NULL AND tickets.status = 'void'))
           ORDER BY tickets.id LIMIT $2""",
    ),
    (
        "what is offered is held",
        "wtg",
        """SELECT waitings.id, 'is offered a claim that is ' || claims.status AS message
           FROM waitings JOIN claims ON claims.tenant_id = waitings.tenant_id AND claims.id = waitings.claim_id
           WHERE waitings.tenant_id = $1 AND waitings.status = 'offered' AND claims.status <> 'held'
           ORDER BY waitings.id LIMIT $2""",
    ),
)


async def select_findings(tx: Tx, kinds_with_tickets: list[str], limit: int) -> list[tuple[str, str, UUID, str]]:
    """Check, prefix and id of its subject, and fault of what is wrong, at most `limit` of each check."""
    found: list[tuple[str, str, UUID, str]] = []
    for check, prefix, sql in _CHECKS:
        third = {"$3::timestamptz": tx.now, "$3::text[]": kinds_with_tickets}
        values = [tx.tenant_id, limit, *[value for mark, value in third.items() if mark in sql]]
        found += [(check, prefix, row["id"], row["message"]) for row in await tx.fetch(sql, *values)]
    return found
