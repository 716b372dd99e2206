"""Seats, servings, or a storage unit for some days: a claim on capacity, at the catalogue's price."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from vezne import bookings, catalog, identity, settlements
from vezne.kernel.clock import Moment
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, Invalid
from vezne.kernel.ids import PublicId, parse_id, public_id
from vezne.kernel.money import Money
from vezne.orders.lines.base import Details, Priced
from vezne.orders.models import Line, Seats, Snapshot

KIND = "booking"
ResourceId = Annotated[UUID, PublicId("rsc")]
ClaimId = Annotated[UUID, PublicId("clm")]
CustomerId = Annotated[UUID, PublicId("cus")]


class ClaimNotHeld(Conflict):
    """Claim {claim_id} is {status}; only one that is held can be ordered."""


class SeatsGivenUp(Conflict):
    """Of line {line_id}, seats were given back: what it owes cannot be given for all of them."""


class ResourceOrClaim(Invalid):
    """Name the resource, or a claim on it that is held."""


class PeriodTwice(Invalid):
    """A period is from one day to another (checkin_date, checkout_date) or from one time to another (starts_at, ends_at)."""


def _written(day: object) -> object:
    """Pydantic would also read a number, or a time."""
    if isinstance(day, str) and len(day) == len("2026-03-01"):
        return date.fromisoformat(day)
    if isinstance(day, date) and not isinstance(day, datetime):
        return day
    raise ValueError("a day is text such as 2026-03-01")


Day = Annotated[date, BeforeValidator(_written, json_schema_input_type=str)]


class BookingDetails(Details):
    """A booking of a resource, or of what a claim already holds of one. Its price is the catalogue's."""

    kind: Literal["booking"] = "booking"
    resource_id: ResourceId | None = None
    claim_id: ClaimId | None = Field(None, description="a held claim of the customer: it says which resource and how many")
    quantity: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    checkin_date: Day | None = Field(None, description="the first day, as the tenant's time zone counts days")
    checkout_date: Day | None = Field(None, description="the day on which it ends, not included")
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    customer_id: CustomerId | None = Field(None, description="who comes, when it is not who orders")


class Booking:
    """Held while it is being paid; fulfilled by booking the claim and settling with the payee, undone by both backwards."""

    name = KIND
    is_scarce = True

    async def price(self, tx: Tx, customer_id: UUID, asked: BookingDetails, currency: str) -> Priced:
        """What the item of the resource costs now, times its seats, days or hours; without an item it is free.

        Raises ResourceUnknown, ItemUnknown, NotOnSale, NoPriceIn, TooManyInOrder, ResourceOrClaim, ClaimUnknown, ClaimNotHeld,
        PeriodTwice, PeriodNeeded, DatesBackwards, DatesPast.
        """
        zone = (await identity.settings_of(tx)).zone
        ask, claim = await _ask(tx, customer_id, asked)
        resource = await bookings.resource(tx, ask.resource_id)
        if claim is None:
            await bookings.refuse_full(tx, resource, ask.quantity)
        charge, item = None, None
        if resource.item_id is not None:
            item = await catalog.item(tx, resource.item_id)
            catalog.refuse_too_many(item, ask.quantity)
            units = bookings.units_of_price(resource, item.per, ask, zone)
            unit = catalog.price_of(item, currency, tx.now)
            charge = catalog.charge(await catalog.fee_rule_of(tx, item), unit, units)
        seconds = resource.hold_seconds or (await identity.settings_of(tx)).hold_seconds
        held_until = None if claim is None else claim.expires_at
        return Priced(
            amount=Money(0, currency) if charge is None else charge.total,
            description=_description(resource, ask, zone),
            details=_details(resource, ask, claim, charge),
            quantity=ask.quantity,
            payee_id=resource.payee_id if item is None else item.payee_id or resource.payee_id,
            accepts=catalog.ACCEPTED if item is None else item.accepts,
            life=timedelta(seconds=seconds) if held_until is None else held_until - tx.now,
        )

    async def discounted(self, tx: Tx, priced: Priced, discount: Money, _trial_days: int) -> Priced:
        """Reckoned again under its fee rule, which says whose share the discount lessens: the payee's or the platform's."""
        item = await catalog.item(tx, parse_id("itm", priced.details["item_id"]))
        charge = catalog.charge(await catalog.fee_rule_of(tx, item), priced.price, 1, discount)
        details = {**priced.details, "charge": _made_of(charge)}
        return replace(priced, amount=charge.total, discount_minor=discount.minor, details=details)

    async def hold(self, tx: Tx, line: Line, customer_id: UUID, until: datetime) -> Mapping[str, Any]:
        """Claim it, unless a claim was ordered. Raises what bookings refuse with: SoldOut, NoUnitFree, AdmissionNeeded, …"""
        details = line.details
        if "claim_id" in details:
            return {}
        claim = await bookings.hold(
            tx,
            bookings.Ask(
                resource_id=parse_id("rsc", details["resource_id"]),
                customer_id=parse_id("cus", details["attendee"]) if details["attendee"] else customer_id,
                purpose=public_id("oli", line.id),
                quantity=line.quantity,
                starts_at=_read(details["starts_at"]),
                ends_at=_read(details["ends_at"]),
            ),
            until=until,
        )
        return {"claim_id": public_id("clm", claim.id)}

    async def extend(self, tx: Tx, line: Line, until: datetime) -> None:
        """The claim, while it is held, is held longer."""
        await bookings.extend(tx, _claim_id(line), until)

    async def release(self, tx: Tx, line: Line) -> None:
        """The claim is free again, unless it is booked."""
        await bookings.release(tx, _claim_id(line))

    def snapshot(self, line: Line, taken_at: datetime) -> Snapshot | None:
        """What its price was made of; a booking without an item costs nothing and is made of nothing."""
        charge = line.details["charge"]
        if charge is None:
            return None
        return Snapshot(
            line_id=line.id,
            order_id=line.order_id,
            payee_id=line.payee_id,
            currency=line.currency,
            seats_count=line.quantity,
            base_price_per_seat_minor=charge["base_minor"] // line.quantity,
            platform_fee_percentage=charge["percentage"],
            platform_fee_amount_minor=charge["fee_minor"],
            host_earning_per_seat_minor=charge["payee_share_minor"] // line.quantity,
            host_earning_minor=charge["payee_share_minor"],
            discount_minor=charge["discount_minor"],
            total_minor=line.amount_minor,
            fee_rule_id=None if charge["rule_id"] is None else parse_id("fee", charge["rule_id"]),
            fee_rule_version=charge["rule_version"],
            taken_at=taken_at,
        )

    async def fulfil(self, tx: Tx, line: Line, amount: Money, cause: str) -> None:
        """Book the claim, and give payee and platform their shares. Raises SeatsGivenUp, SoldOut, NoUnitFree, ResourceClosed."""
        claim = await bookings.claim(tx, _claim_id(line))
        if claim.status == "consumed" and claim.live < line.left:
            raise SeatsGivenUp(line_id=public_id("oli", line.id))
        await bookings.consume(tx, claim.id, order_id=line.order_id)
        if claim.status != "consumed" and claim.quantity > line.left:
            await bookings.cancel(tx, claim.id, quantity=claim.quantity - line.left)
        if amount.minor or _earned_for_nothing(line):
            await _settle(tx, line, amount, cause)

    async def undo(self, tx: Tx, line: Line, amount: Money, cause: str, seats: Seats) -> None:
        """Claw the shares back, and give these seats back. Raises TicketUsed, SeatsGivenUp, TicketsNotOfClaim."""
        if amount.minor:
            await settlements.claw_back(tx, line.id, amount.minor, cause)
        if not seats.count:
            return
        if _earned_for_nothing(line) and await _is_settled(tx, line):
            await settlements.claw_back(tx, line.id, 0, cause, parts=seats.count)
        claim = await bookings.claim(tx, _claim_id(line))
        if seats.all_left:
            await bookings.cancel(tx, claim.id)
        elif seats.ticket_ids:
            after = await bookings.cancel(tx, claim.id, ticket_ids=seats.ticket_ids)
            if claim.live - after.live != seats.count:
                raise SeatsGivenUp(line_id=public_id("oli", line.id))
        elif (still_had := seats.count - (line.left - claim.live)) > 0:  # a refund that failed may have taken some for good
            await bookings.cancel(tx, claim.id, quantity=still_had)


def _earned_for_nothing(line: Line) -> bool:
    """Whether the payee has a share though the buyer pays nothing: the platform bears the discount, its fee falls below zero."""
    charge = line.details["charge"]
    return line.amount_minor == 0 and charge is not None and charge["payee_share_minor"] != 0


async def _is_settled(tx: Tx, line: Line) -> bool:
    try:
        await settlements.settlement_of(tx, line.id)
    except settlements.UnknownSettlement:
        return False
    return True


async def _settle(tx: Tx, line: Line, amount: Money, cause: str) -> None:
    charge = line.details["charge"]
    if await _is_settled(tx, line):
        if amount.minor:
            await settlements.settle_more(tx, line.id, amount.minor, cause)
    else:
        payee_id = line.payee_id or (await identity.own_payee(tx)).id
        share = charge["payee_share_minor"]
        sale = settlements.Sale(
            line_id=line.id,
            order_id=line.order_id,
            payee_id=payee_id,
            currency=line.currency,
            gross_minor=line.amount_minor,
            share_minor=share,
            fee_minor=line.amount_minor - share,
            fee_rule_id=None if charge["rule_id"] is None else parse_id("fee", charge["rule_id"]),
            fee_rule_version=charge["rule_version"],
            percentage=charge["percentage"],
            description=line.description,
            parts=line.quantity,
        )
        await settlements.settle(tx, sale)
        given_back = line.amount_minor - amount.minor
        if given_back:  # before anything could be given; a refund of it that fails gives it again
            await settlements.claw_back(tx, line.id, given_back, f"{cause}/refunded before")
        elif not line.amount_minor and line.refunded_quantity:
            await settlements.claw_back(tx, line.id, 0, f"{cause}/refunded before", parts=line.refunded_quantity)


async def _ask(tx: Tx, customer_id: UUID, asked: BookingDetails) -> tuple[bookings.Ask, bookings.Claim | None]:
    """What is asked for: by its words, or by a claim that is held."""
    attendee = asked.customer_id or customer_id
    if (asked.resource_id is None) == (asked.claim_id is None):
        raise ResourceOrClaim(loc=("body", "lines", "resource_id"))
    if asked.claim_id is not None:
        claim = await bookings.claim(tx, asked.claim_id)
        if claim.customer_id != attendee:
            raise bookings.ClaimUnknown(claim_id=public_id("clm", claim.id))
        if claim.status != "held" or claim.expires_at is None or claim.expires_at <= tx.now:
            status = "lapsed" if claim.status == "held" else claim.status
            raise ClaimNotHeld(loc=("body", "lines", "claim_id"), claim_id=public_id("clm", claim.id), status=status)
        return _asking(claim.resource_id, attendee, claim.quantity, claim.starts_at, claim.ends_at), claim
    if asked.resource_id is None:
        raise ResourceOrClaim(loc=("body", "lines", "resource_id"))
    starts_at, ends_at = await _period(tx, asked)
    return _asking(asked.resource_id, attendee, asked.quantity, starts_at, ends_at), None


def _asking(
    resource_id: UUID, customer_id: UUID, quantity: int, starts_at: datetime | None, ends_at: datetime | None
) -> bookings.Ask:
    return bookings.Ask(
        resource_id=resource_id, customer_id=customer_id, purpose="", quantity=quantity, starts_at=starts_at, ends_at=ends_at
    )


async def _period(tx: Tx, asked: BookingDetails) -> tuple[datetime | None, datetime | None]:
    days = (asked.checkin_date, asked.checkout_date)
    if days == (None, None):
        return asked.starts_at, asked.ends_at
    if asked.starts_at is not None or asked.ends_at is not None:
        raise PeriodTwice(loc=("body", "lines", "starts_at"))
    if asked.checkin_date is None or asked.checkout_date is None:
        raise bookings.PeriodNeeded(loc=("body", "lines", "checkout_date" if asked.checkin_date else "checkin_date"))
    zone = (await identity.settings_of(tx)).zone
    starts_at, ends_at = bookings.period_of_days(zone, asked.checkin_date, asked.checkout_date)
    if starts_at < bookings.start_of_today(zone, tx.now):
        raise bookings.DatesPast(loc=("body", "lines", "checkin_date"))
    return starts_at, ends_at


def _description(resource: bookings.Resource, ask: bookings.Ask, zone: ZoneInfo) -> str:
    if ask.starts_at is None or ask.ends_at is None:
        return resource.name
    return f"{resource.name}, {ask.starts_at.astimezone(zone).date()} – {ask.ends_at.astimezone(zone).date()}"


def _details(
    resource: bookings.Resource, ask: bookings.Ask, claim: bookings.Claim | None, charge: catalog.Charge | None
) -> dict[str, Any]:
    details: dict[str, Any] = {
        "resource_id": public_id("rsc", resource.id),
        "item_id": None if resource.item_id is None else public_id("itm", resource.item_id),
        "attendee": public_id("cus", ask.customer_id),
        "starts_at": None if ask.starts_at is None else ask.starts_at.isoformat(),
        "ends_at": None if ask.ends_at is None else ask.ends_at.isoformat(),
        "charge": None if charge is None else _made_of(charge),
    }
    return details if claim is None else {**details, "claim_id": public_id("clm", claim.id)}


def _made_of(charge: catalog.Charge) -> dict[str, Any]:
    return {
        "base_minor": charge.base.minor,
        "discount_minor": charge.discount.minor,
        "fee_minor": charge.fee.minor,
        "buyer_fee_minor": charge.buyer_fee.minor,
        "payee_share_minor": charge.payee_share.minor,
        "percentage": charge.percentage,
        "rule_id": None if charge.rule_id is None else public_id("fee", charge.rule_id),
        "rule_version": charge.rule_version,
    }


def _claim_id(line: Line) -> UUID:
    return parse_id("clm", line.details["claim_id"])


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
