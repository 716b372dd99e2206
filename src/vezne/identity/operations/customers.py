"""Customers: whoever has wallets and places orders."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from vezne.identity import queries
from vezne.identity.events import CustomerChanged, CustomerCreated
from vezne.identity.models import Customer, CustomerNotFound, CustomerReferenceTaken
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id


async def create_customer(
    tx: Tx,
    *,
    reference: str | None = None,
    name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    locale: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Customer:
    """Make a customer known. Raises CustomerReferenceTaken, naming the customer who has the reference."""
    customer = Customer(new_id(), reference, name, email, phone, locale, metadata or {}, tx.now)
    if not await queries.insert_customers(tx, [customer]):
        found = await queries.select_customers_by_reference(tx, [reference or ""])
        taken = public_id("cus", found[reference or ""].id)
        raise CustomerReferenceTaken(customer_id=taken, reference=reference, loc=("body", "reference"))
    await tx.publish(CustomerCreated(customer_id=customer.id, reference=reference))
    return customer


async def customers_by_reference(tx: Tx, references: Sequence[str]) -> dict[str, Customer]:
    """The customers with these references, made known where they are not; in a race all callers get the same ones."""
    wanted = sorted(set(references))
    found = await queries.select_customers_by_reference(tx, wanted)
    missing = [Customer(new_id(), name, None, None, None, None, {}, tx.now) for name in wanted if name not in found]
    if not missing:
        return found
    made = await queries.insert_customers(tx, missing)
    await tx.publish(
        *[CustomerCreated(customer_id=person.id, reference=person.reference) for person in missing if person.id in made]
    )
    return await queries.select_customers_by_reference(tx, wanted)


async def customer(tx: Tx, customer_id: UUID) -> Customer:
    """One customer. Raises CustomerNotFound."""
    found = await queries.select_customer(tx, customer_id)
    if found is None:
        raise CustomerNotFound(customer_id=public_id("cus", customer_id))
    return found


async def customers(tx: Tx, *, reference: str | None, before: UUID | None, limit: int) -> list[Customer]:
    """Customers, newest first, or the one with `reference`."""
    if reference is not None:
        return list((await queries.select_customers_by_reference(tx, [reference])).values())
    return await queries.select_customers(tx, before=before, limit=limit)


async def change_customer(tx: Tx, customer_id: UUID, changes: Mapping[str, Any]) -> Customer:
    """Change those details that are given. The same again changes nothing. Raises CustomerNotFound."""
    before = await customer(tx, customer_id)
    after = replace(before, **changes)
    changed = sorted(name for name in changes if getattr(before, name) != getattr(after, name))
    if changed:
        await queries.update_customer(tx, after)
        await tx.publish(CustomerChanged(customer_id=customer_id, changed=changed))
    return after
