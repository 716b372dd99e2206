"""Reminders: customers are told, once a lot, what lapses soon; one letter a customer and day, on the tenant's mornings."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from vezne import identity
from vezne.kernel import mail
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.kernel.mail import Letter, Letters
from vezne.kernel.money import Money
from vezne.wallets.events import LotExpiring
from vezne.wallets.queries import reminding as queries
from vezne.wallets.queries.reminding import Lapsing

AT_ONCE = 500
"""How many customers are told in a transaction."""
_LETTERS = Letters("wallets")


async def remind(tx: Tx, after: UUID | None = None) -> UUID | None:
    """Tell some customers, those after `after`; the last of them while there are more to tell, None once the day is done."""
    settings = await identity.settings_of(tx)
    day = tx.now.astimezone(settings.zone).date()
    if not settings.expiry_reminder_days or await queries.select_day_done(tx, day):
        return None
    until = tx.now + timedelta(days=settings.expiry_reminder_days)
    customer_ids = await queries.select_customers(tx, until, after, AT_ONCE)
    if customer_ids:
        await _tell(tx, customer_ids, until, day)
    if len(customer_ids) < AT_ONCE:
        await queries.insert_day_done(tx, day)
        return None
    return customer_ids[-1]


async def _tell(tx: Tx, customer_ids: Sequence[UUID], until: datetime, day: date) -> None:
    lapsing = await queries.insert_reminded(tx, customer_ids, until)
    await tx.publish(*[_fact(each) for each in lapsing])
    readers = await identity.readers(tx, customer_ids)
    of_customer = attrgetter("customer_id")
    by_customer = groupby(sorted(lapsing, key=of_customer), key=of_customer)
    await mail.post_all(
        tx, [_letter(readers[customer], list(lots), day) for customer, lots in by_customer if customer in readers]
    )


def _fact(lot: Lapsing) -> LotExpiring:
    return LotExpiring(
        lot_id=lot.lot_id,
        wallet_id=lot.wallet_id,
        customer_id=lot.customer_id,
        amount_minor=lot.amount_minor,
        currency=lot.currency,
        expires_at=lot.expires_at,
    )


def _letter(reader: identity.Reader, lots: Sequence[Lapsing], day: date) -> Letter:
    body = _LETTERS.render(
        "lapse",
        language=reader.language,
        sender=reader.tenant.name,
        zone=reader.zone,
        seller=reader.tenant.name,
        name=reader.customer.name or "",
        test_mode=not reader.tenant.livemode,
        rows=_rows(reader, lots),
    )
    customer = public_id("cus", reader.customer.id)
    subject = _LETTERS.subject(reader.language, "lapse.subject", seller=reader.tenant.name)
    return reader.letter(body, subject=subject, purpose="expiry_reminder", about=customer, dedupe=f"lapse:{customer}:{day}")


def _rows(reader: identity.Reader, lots: Iterable[Lapsing]) -> list[tuple[date, Money]]:
    """What lapses on which of the tenant's days, earliest first."""
    sums: dict[tuple[date, str], int] = {}
    for lot in lots:
        key = (lot.expires_at.astimezone(reader.zone).date(), lot.currency)
        sums[key] = sums.get(key, 0) + lot.amount_minor
    return [(day, Money(minor, currency)) for (day, currency), minor in sorted(sums.items())]
