"""The widget's SQL."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.widget.models import Consent, Guest, Reservation, ReservationStatus

_COLUMNS = """
    SELECT id, status, fingerprint, request_hash, guest_name, guest_email, guest_phone, locale, checkin_date, checkout_date,
           quantity, wanted_resource_id, resource_id, payee_id, customer_id, order_id, payment_id, client_secret, created_at,
           converted_at, cancelled_at
    FROM widget_reservations"""


async def insert_reservation(tx: Tx, made: Reservation, consents: Sequence[Consent]) -> bool:
    """Write a new reservation with its consents; False when its request has one already."""
    written = await tx.execute(
        """INSERT INTO widget_reservations
               (tenant_id, id, status, fingerprint, request_hash, guest_name, guest_email, guest_phone, locale, checkin_date,
                checkout_date, quantity, wanted_resource_id, payee_id, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
           ON CONFLICT (tenant_id, fingerprint) DO NOTHING""",
        tx.tenant_id,
        made.id,
        made.status,
        made.fingerprint,
        made.request_hash,
        made.guest.name,
        made.guest.email,
        made.guest.phone,
        made.locale,
        made.checkin_date,
        made.checkout_date,
        made.quantity,
        made.wanted_resource_id,
        made.payee_id,
        made.created_at,
    )
    if not written:
        return False
    await tx.execute(
        """INSERT INTO widget_consents (tenant_id, reservation_id, kind, text_version, text_url, language, given_at)
           SELECT $1, $2, consent.* FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[]) AS consent""",
        tx.tenant_id,
        made.id,
        [consent.kind for consent in consents],
        [consent.text_version for consent in consents],
        [consent.text_url for consent in consents],
        [consent.language for consent in consents],
        [consent.given_at for consent in consents],
    )
    return True


async def select_reservation(tx: Tx, reservation_id: UUID, *, lock: bool = False) -> Reservation | None:
    """One reservation; with `lock`, held until the transaction ends."""
    row = (
        await tx.fetchrow(f"{_COLUMNS} WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, reservation_id)
        if lock
        else await tx.fetchrow(f"{_COLUMNS} WHERE tenant_id = $1 AND id = $2", tx.tenant_id, reservation_id)
    )
    return None if row is None else _reservation(row)


async def select_by_fingerprint(tx: Tx, fingerprint: bytes) -> Reservation | None:
    """The reservation that this request made."""
    row = await tx.fetchrow(f"{_COLUMNS} WHERE tenant_id = $1 AND fingerprint = $2", tx.tenant_id, fingerprint)
    return None if row is None else _reservation(row)


async def select_by_payment(tx: Tx, payment_id: UUID) -> Reservation | None:
    """The reservation that this payment pays."""
    row = await tx.fetchrow(f"{_COLUMNS} WHERE tenant_id = $1 AND payment_id = $2", tx.tenant_id, payment_id)
    return None if row is None else _reservation(row)


async def select_reservations(
    tx: Tx, *, status: str | None, payee_id: UUID | None, before: UUID | None, limit: int
) -> list[Reservation]:
    """Reservations, newest first; with `payee_id`, those of its storages."""
    rows = await tx.fetch(
        f"""{_COLUMNS}
            WHERE tenant_id = $1 AND ($2::text IS NULL OR status = $2) AND ($3::uuid IS NULL OR payee_id = $3)
              AND ($4::uuid IS NULL OR id < $4)
            ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        status,
        payee_id,
        before,
        limit,
    )
    return [_reservation(row) for row in rows]


async def update_converted(
    tx: Tx,
    reservation_id: UUID,
    *,
    resource_id: UUID,
    payee_id: UUID | None,
    customer_id: UUID,
    order_id: UUID,
    payment_id: UUID | None,
    client_secret: bytes | None,
) -> None:
    """It has its storage and its order."""
    await tx.execute(
        """UPDATE widget_reservations
           SET status = 'converted', resource_id = $3, payee_id = $4, customer_id = $5, order_id = $6, payment_id = $7,
               client_secret = $8, converted_at = $9
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        reservation_id,
        resource_id,
        payee_id,
        customer_id,
        order_id,
        payment_id,
        client_secret,
        tx.now,
    )


async def update_cancelled(tx: Tx, reservation_id: UUID) -> None:
    """It is given up."""
    await tx.execute(
        "UPDATE widget_reservations SET status = 'cancelled', cancelled_at = $3 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        reservation_id,
        tx.now,
    )


async def select_consents(tx: Tx, reservation_ids: Sequence[UUID]) -> dict[UUID, list[Consent]]:
    """What was consented to, by reservation."""
    rows = await tx.fetch(
        """SELECT reservation_id, kind, text_version, text_url, language, given_at FROM widget_consents
           WHERE tenant_id = $1 AND reservation_id = ANY ($2::uuid[]) ORDER BY reservation_id, kind""",
        tx.tenant_id,
        list(reservation_ids),
    )
    found: dict[UUID, list[Consent]] = {id_: [] for id_ in reservation_ids}
    for row in rows:
        values = dict(row)
        found[values.pop("reservation_id")].append(Consent(**values))
    return found


async def insert_used_captcha(tx: Tx, challenge: str, expires_at: datetime, now: datetime) -> bool:
    """Mark a puzzle as used; False when it was before. Those that are over are forgotten."""
    await tx.execute("DELETE FROM widget_captchas WHERE tenant_id = $1 AND expires_at < $2", tx.tenant_id, now)
    written = await tx.execute(
        """INSERT INTO widget_captchas (tenant_id, challenge, expires_at) VALUES ($1, $2, $3)
           ON CONFLICT (tenant_id, challenge) DO NOTHING""",
        tx.tenant_id,
        challenge,
        expires_at,
    )
    return bool(written)


async def select_without_consent(tx: Tx) -> list[UUID]:
    """Reservations that lack one of the two consents."""
    rows = await tx.fetch(
        """SELECT made.id FROM widget_reservations made
           WHERE made.tenant_id = $1
             AND (SELECT count(*) FROM widget_consents consent
                  WHERE consent.tenant_id = $1 AND consent.reservation_id = made.id) <> 2""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]


async def select_misplaced(tx: Tx) -> list[UUID]:
    """Converted reservations whose order is not the guest's, or is not for their stay alone."""
    rows = await tx.fetch(
        """SELECT made.id FROM widget_reservations made
           LEFT JOIN orders ON orders.tenant_id = made.tenant_id AND orders.id = made.order_id
           WHERE made.tenant_id = $1 AND made.status = 'converted'
             AND (orders.customer_id IS DISTINCT FROM made.customer_id OR orders.payment_id IS DISTINCT FROM made.payment_id)""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]


def _reservation(row: Record) -> Reservation:
    values = dict(row)
    guest = Guest(name=values.pop("guest_name"), email=values.pop("guest_email"), phone=values.pop("guest_phone"))
    return Reservation(guest=guest, **(values | {"status": ReservationStatus(values["status"])}))
