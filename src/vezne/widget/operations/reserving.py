"""A guest's request: kept with its consents, then made a real reservation: a unit held, an order placed."""

import re
from uuid import UUID

from vezne import bookings, catalog, identity, orders
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.widget import queries
from vezne.widget.events import ReservationAsked, ReservationCancelled, ReservationConverted
from vezne.widget.models import (
    Asked,
    AskedOtherwise,
    Consent,
    ConsentKind,
    Guest,
    NoStorageFree,
    Reservation,
    ReservationCancelledAlready,
    ReservationPaid,
    ReservationStatus,
    ReservationUnknown,
    Token,
    check_consents,
    check_days,
)
from vezne.widget.operations import storages

_NOT_FREE = (bookings.NoUnitFree, bookings.SoldOut, bookings.ResourceClosed, catalog.NotOnSale, catalog.NoPriceIn)
_PHONE_NOISE = re.compile(r"[ ()./-]")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


async def asked_before(tx: Tx, token: Token, asked: Asked, key: str | None) -> Reservation | None:
    """The reservation this request made when it came before. Raises AskedOtherwise when its key came with another one."""
    return _same(await queries.select_by_fingerprint(tx, asked.fingerprint(token, key)), asked)


async def check(tx: Tx, asked: Asked) -> None:
    """Raise ConsentMissing, StayBackwards, StayInThePast or StayTooFar when this cannot be asked."""
    check_consents(asked)
    zone = (await identity.settings_of(tx)).zone
    check_days(asked.checkin, asked.checkout, tx.now.astimezone(zone).date())


async def ask(tx: Tx, token: Token, asked: Asked, key: str | None) -> tuple[Reservation, bool]:
    """Keep what a guest asks for, and what they consented to; True. The same request again: what it made, and False.

    Raises what `check` does, NoSuchStorage, AskedOtherwise.
    """
    await check(tx, asked)
    texts = await identity.settings_of(tx)
    wanted = await storages.open_storages(tx, asked.resource_id) if asked.resource_id is not None else []
    made = _new(tx, token, asked, key, payee_id=wanted[0].payee_id if wanted else None)
    said: tuple[tuple[ConsentKind, str | None], ...] = (("kvkk", texts.privacy_url), ("terms", texts.terms_url))
    consents = [
        Consent(kind=kind, text_version=texts.consent_version, text_url=url, language=asked.locale, given_at=tx.now)
        for kind, url in said
    ]
    if not await queries.insert_reservation(tx, made, consents):
        before = await asked_before(tx, token, asked, key)
        if before is None:
            raise RuntimeError("the reservation that was in the way is not there")
        return before, False
    await tx.publish(ReservationAsked(reservation_id=made.id, text_version=texts.consent_version))
    return made, True


def _new(tx: Tx, token: Token, asked: Asked, key: str | None, *, payee_id: UUID | None) -> Reservation:
    return Reservation(
        id=new_id(),
        status=ReservationStatus.PENDING,
        fingerprint=asked.fingerprint(token, key),
        request_hash=asked.request_hash,
        guest=asked.guest,
        locale=asked.locale,
        checkin_date=asked.checkin,
        checkout_date=asked.checkout,
        quantity=asked.quantity,
        wanted_resource_id=asked.resource_id,
        resource_id=None,
        payee_id=payee_id,
        customer_id=None,
        order_id=None,
        payment_id=None,
        client_secret=None,
        created_at=tx.now,
        converted_at=None,
        cancelled_at=None,
    )


def _same(before: Reservation | None, asked: Asked) -> Reservation | None:
    if before is not None and before.request_hash != asked.request_hash:
        raise AskedOtherwise
    return before


async def convert(tx: Tx, reservation_id: UUID) -> Reservation:
    """Make a pending reservation a real one: a unit is held and an order placed, for the guest as a customer. Again: no change.

    When nothing is free, nothing is done. Raises NoStorageFree, ReservationUnknown, ReservationCancelledAlready,
    StayInThePast, and what pricing refuses with.
    """
    waiting = await _locked(tx, reservation_id)
    if waiting.status is ReservationStatus.CONVERTED:
        return waiting
    if waiting.status is ReservationStatus.CANCELLED:
        raise ReservationCancelledAlready(reservation_id=public_id("wrs", reservation_id))
    zone = (await identity.settings_of(tx)).zone
    check_days(waiting.checkin_date, waiting.checkout_date, tx.now.astimezone(zone).date())
    for resource in await storages.open_storages(tx, waiting.wanted_resource_id):
        try:
            async with tx.savepoint():
                return await _convert_at(tx, waiting, resource)
        except _NOT_FREE:
            continue
    raise NoStorageFree(loc=("body", "checkin_date"))


async def _convert_at(tx: Tx, waiting: Reservation, resource: bookings.Resource) -> Reservation:
    customer_id = await _customer(tx, waiting.guest, waiting.locale)
    line = orders.BookingDetails(
        resource_id=resource.id, quantity=1, checkin_date=waiting.checkin_date, checkout_date=waiting.checkout_date
    )
    placed = await orders.place(
        tx,
        customer_id,
        [line] * waiting.quantity,
        reservation=public_id("wrs", waiting.id),
        metadata={"widget_reservation": public_id("wrs", waiting.id)},
    )
    payment = placed.payment
    secret = placed.client_secret
    await queries.update_converted(
        tx,
        waiting.id,
        resource_id=resource.id,
        payee_id=resource.payee_id,
        customer_id=customer_id,
        order_id=placed.order.id,
        payment_id=None if payment is None else payment.id,
        client_secret=None if secret is None else tx.vault.seal(secret.encode()),
    )
    await tx.publish(ReservationConverted(reservation_id=waiting.id, order_id=placed.order.id, resource_id=resource.id))
    return await _known(tx, waiting.id)


async def _customer(tx: Tx, guest: Guest, locale: str) -> UUID:
    """The guest as a customer, known by their e-mail among guests.

    An e-mail that somebody typed proves nothing, so a guest is never taken for a customer whom the tenant knows by a name of
    its own.
    """
    phone = _PHONE_NOISE.sub("", guest.phone or "")
    found = await identity.create_customer(
        tx,
        reference=f"guest:{guest.email.casefold()}",
        name=guest.name,
        email=guest.email,
        phone=phone if _E164.fullmatch(phone) else None,
        locale=locale,
    )
    return found.id


async def cancel(tx: Tx, reservation_id: UUID) -> Reservation:
    """Give a reservation up; its order, when it is not paid, is cancelled and the unit free again. Again: no change.

    Raises ReservationUnknown, ReservationPaid.
    """
    found = await _locked(tx, reservation_id)
    if found.status is ReservationStatus.CANCELLED:
        return found
    if found.order_id is not None:
        order = await orders.order(tx, found.order_id)
        if order.status in {orders.OrderStatus.PAID, orders.OrderStatus.FULFILLED}:
            raise ReservationPaid(reservation_id=public_id("wrs", reservation_id), order_id=public_id("ord", found.order_id))
        if order.status is orders.OrderStatus.PENDING:
            await orders.cancel(tx, found.order_id)
    await queries.update_cancelled(tx, reservation_id)
    await tx.publish(ReservationCancelled(reservation_id=reservation_id))
    return await _known(tx, reservation_id)


async def reservations(
    tx: Tx, *, status: ReservationStatus | None, before: UUID | None, limit: int
) -> list[tuple[Reservation, list[Consent]]]:
    """Reservations with their consents, newest first; a payee's staff see those of its own storages."""
    payee_id = tx.principal.payee_id
    found = await queries.select_reservations(tx, status=status, payee_id=payee_id, before=before, limit=limit)
    given = await queries.select_consents(tx, [each.id for each in found])
    return [(each, given[each.id]) for each in found]


async def consents_of(tx: Tx, reservation_id: UUID) -> list[Consent]:
    """What the guest agreed to."""
    return (await queries.select_consents(tx, [reservation_id]))[reservation_id]


async def reservation(tx: Tx, reservation_id: UUID) -> Reservation:
    """One reservation; a payee's staff see those of its own storages. Raises ReservationUnknown."""
    return _visible(tx, await queries.select_reservation(tx, reservation_id), reservation_id)


async def _locked(tx: Tx, reservation_id: UUID) -> Reservation:
    return _visible(tx, await queries.select_reservation(tx, reservation_id, lock=True), reservation_id)


async def _known(tx: Tx, reservation_id: UUID) -> Reservation:
    found = await queries.select_reservation(tx, reservation_id)
    if found is None:
        raise RuntimeError("the reservation was there a moment ago")
    return found


def _visible(tx: Tx, found: Reservation | None, reservation_id: UUID) -> Reservation:
    payee_id = tx.principal.payee_id
    if found is None or (payee_id is not None and found.payee_id != payee_id):
        raise ReservationUnknown(reservation_id=public_id("wrs", reservation_id))
    return found
