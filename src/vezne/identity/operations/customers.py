"""Customers: whoever has wallets and places orders."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from vezne.identity import queries
from vezne.identity.events import CustomerChanged, CustomerCreated
from vezne.identity.models import Customer, CustomerNotFound, Reader
from vezne.identity.operations.tenants import tenant_of
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
    """Make a customer known; one with the same `reference` is answered as it is, in a race too; without one, a new one."""
    customer = Customer(new_id(), reference, name, email, phone, locale, metadata or {}, tx.now)
    return (await make_known(tx, customer))[0]


async def make_known(tx: Tx, customer: Customer) -> tuple[Customer, bool]:
    """Write a new customer, True; or the one who has its reference already, unchanged, and False."""
    if await queries.insert_customers(tx, [customer]):
        await tx.publish(CustomerCreated(customer_id=customer.id, reference=customer.reference))
        return customer, True
    reference = customer.reference or ""  # only a reference can be taken
    found = await queries.select_customers_by_reference(tx, [reference])
    return found[reference], False


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
    return _known(await queries.select_customer(tx, customer_id), customer_id)


async def customers_by_id(tx: Tx, customer_ids: Sequence[UUID]) -> dict[UUID, Customer]:
    """Those of these customers that are there."""
    return await queries.select_customers_by_id(tx, sorted(set(customer_ids)))


async def customers(tx: Tx, *, reference: str | None = None, before: UUID | None = None, limit: int = 20) -> list[Customer]:
    """Customers, newest first, or the one with `reference`."""
    if reference is not None:
        return list((await queries.select_customers_by_reference(tx, [reference])).values())
    return await queries.select_customers(tx, before=before, limit=limit)


async def change_customer(tx: Tx, customer_id: UUID, changes: Mapping[str, Any]) -> Customer:
    """Change those details that are given. The same again changes nothing. Raises CustomerNotFound."""
    before = _known(await queries.select_customer(tx, customer_id, lock=True), customer_id)
    after = replace(before, **changes)
    changed = sorted(name for name in changes if getattr(before, name) != getattr(after, name))
    if changed:
        await queries.update_customer(tx, after)
        await tx.publish(CustomerChanged(customer_id=customer_id, changed=changed))
    return after


async def readers(tx: Tx, customer_ids: Sequence[UUID]) -> dict[UUID, Reader]:
    """Those of these customers who have an e-mail address."""
    tenant = await tenant_of(tx)
    known = await customers_by_id(tx, customer_ids)
    return {person.id: Reader(person, person.email, tenant) for person in known.values() if person.email}


def _known(found: Customer | None, customer_id: UUID) -> Customer:
    if found is None:
        raise CustomerNotFound(customer_id=public_id("cus", customer_id))
    return found
