"""Which storages there are to reserve, at which price, and how many of their units are free."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from vezne import bookings, catalog, identity
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.widget.models import NoSuchStorage, Storage, check_days

KIND = "storage"
MOST_STORAGES = 100
"""How many places one tenant's widget offers, the newest; a site with more names its own in the widget."""


async def open_storages(tx: Tx, wanted: UUID | None = None) -> list[bookings.Resource]:
    """The storages that take bookings, or the wanted one. Raises NoSuchStorage when that is none."""
    if wanted is None:
        found = await bookings.resources_page(tx, kind=KIND, status="open", limit=MOST_STORAGES)
        return sorted(found, key=lambda resource: (resource.name.casefold(), resource.id))
    try:
        resource = await bookings.resource(tx, wanted)
    except bookings.ResourceUnknown:
        raise NoSuchStorage(loc=("body", "resource_id"), resource_id=public_id("rsc", wanted)) from None
    if resource.kind != KIND or resource.status != "open":
        raise NoSuchStorage(loc=("body", "resource_id"), resource_id=public_id("rsc", wanted))
    return [resource]


async def offered(tx: Tx, wanted: UUID | None = None) -> list[Storage]:
    """What the widget's page offers. Raises NoSuchStorage."""
    return await _priced(tx, await open_storages(tx, wanted))


async def available(tx: Tx, checkin: date, checkout: date) -> list[Storage]:
    """The storages with a unit that is free from the first day to the last. Raises what `check_days` does."""
    zone = (await identity.settings_of(tx)).zone
    check_days(checkin, checkout, tx.now.astimezone(zone).date())
    starts_at, ends_at = bookings.period_of_days(zone, checkin, checkout)
    found = await open_storages(tx)
    free = {each.id: (await bookings.availability(tx, each.id, starts_at, ends_at)).free for each in found}
    return await _priced(tx, [each for each in found if free[each.id]], free)


async def _priced(tx: Tx, found: Sequence[bookings.Resource], free: dict[UUID, int] | None = None) -> list[Storage]:
    currency = (await identity.settings_of(tx)).default_currency
    items = await catalog.items_by_id(tx, [each.item_id for each in found if each.item_id is not None])
    storages = []
    for each in found:
        per, price = None, None
        if each.item_id is not None:
            item = items[each.item_id]
            try:
                per, price = item.per, catalog.price_of(item, currency, tx.now).minor
            except (catalog.NotOnSale, catalog.NoPriceIn):
                continue
        storages.append(
            Storage(
                id=each.id,
                name=each.name,
                per=per,
                price_minor=price,
                currency=None if price is None else currency,
                free=None if free is None else free[each.id],
            )
        )
    return storages
