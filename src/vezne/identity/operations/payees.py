"""Payees: whoever is owed a share of what is sold."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from vezne.identity import queries_payees as queries
from vezne.identity.events import PayeeChanged, PayeeCreated
from vezne.identity.operations.tenants import tenant_of
from vezne.identity.payees import (
    OWN,
    Payee,
    PayeesForPlatformOnly,
    PayeeUnknown,
    SealedIban,
    read_bic,
    read_iban,
    refuse_unknown_country,
)
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id


async def create_payee(
    tx: Tx,
    *,
    name: str,
    reference: str | None = None,
    email: str | None = None,
    country: str | None = None,
    locale: str | None = None,
    account_holder: str | None = None,
    iban: str | None = None,
    bic: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> tuple[Payee, bool]:
    """Make a payee known, True; or answer the one who has this `reference` already, unchanged, in a race too, and False.

    The IBAN is kept sealed, and only its last four characters are ever shown. Raises IbanInvalid, BicInvalid, CountryUnknown,
    PayeesForPlatformOnly.
    """
    if tx.principal.payee_id is not None:
        raise PayeesForPlatformOnly
    sealed = _seal(tx, iban)
    if country is not None:
        refuse_unknown_country(country)
    made = Payee(
        id=new_id(),
        name=name,
        reference=reference,
        email=email,
        country=country,
        locale=locale,
        account_holder=account_holder,
        iban_last4=sealed.last4 if sealed else None,
        bic=None if bic is None else read_bic(bic),
        active=True,
        metadata=dict(metadata or {}),
        created_at=tx.now,
    )
    return await _keep(tx, made, sealed)


async def _keep(tx: Tx, made: Payee, sealed: SealedIban | None) -> tuple[Payee, bool]:
    if await queries.insert_payee(tx, made, sealed):
        await tx.publish(PayeeCreated(payee_id=made.id, reference=made.reference))
        return made, True
    known = await queries.select_payee_by_reference(tx, made.reference or "")  # only a reference can be taken
    return _there(known, made.id), False


async def own_payee(tx: Tx) -> Payee:
    """The tenant itself as payee, made when it is first needed; in a race all callers get the same one."""
    known = await queries.select_payee_by_reference(tx, OWN)
    if known is not None:
        return known
    tenant = await tenant_of(tx)
    made = Payee(
        id=new_id(),
        name=tenant.name,
        reference=OWN,
        email=None,
        country=None,
        locale=tenant.settings.locale,
        account_holder=None,
        iban_last4=None,
        bic=None,
        active=True,
        metadata={},
        created_at=tx.now,
    )
    if await queries.insert_payee(tx, made, None):
        await tx.publish(PayeeCreated(payee_id=made.id, reference=OWN))
        return made
    return _there(await queries.select_payee_by_reference(tx, OWN), made.id)


async def payee(tx: Tx, payee_id: UUID) -> Payee:
    """One payee. Raises PayeeUnknown, also to whoever acts for another payee."""
    if tx.principal.payee_id not in {None, payee_id}:
        raise PayeeUnknown(payee_id=public_id("pye", payee_id))
    return _there(await queries.select_payee(tx, payee_id), payee_id)


async def payees(
    tx: Tx, *, reference: str | None = None, active: bool | None = None, before: UUID | None = None, limit: int = 20
) -> list[Payee]:
    """Payees, newest first, or the one with `reference`; only active or only inactive ones."""
    only = tx.principal.payee_id
    if reference is None:
        return await queries.select_payees(tx, only=only, active=active, before=before, limit=limit)
    known = await queries.select_payee_by_reference(tx, reference)
    return [] if known is None or only not in {None, known.id} or active not in {None, known.active} else [known]


async def change_payee(tx: Tx, payee_id: UUID, changes: Mapping[str, Any]) -> Payee:
    """Change those details that are given; `iban` None removes it. The same again changes nothing.

    Raises PayeeUnknown, IbanInvalid, BicInvalid, CountryUnknown.
    """
    if not await queries.lock_payee(tx, payee_id):
        raise PayeeUnknown(payee_id=public_id("pye", payee_id))
    before = await payee(tx, payee_id)
    details = {name: value for name, value in changes.items() if name != "iban"}
    if details.get("bic") is not None:
        details["bic"] = read_bic(details["bic"])
    if details.get("country") is not None:
        refuse_unknown_country(details["country"])
    after = replace(before, **details)
    changed = sorted(name for name in details if getattr(before, name) != getattr(after, name))
    if changed:
        await queries.update_payee(tx, after)
    if "iban" in changes and await _change_iban(tx, payee_id, changes["iban"]):
        changed = sorted([*changed, "iban"])
    if changed:
        await tx.publish(PayeeChanged(payee_id=payee_id, changed=changed))
    return await payee(tx, payee_id)


async def payee_iban(tx: Tx, payee_id: UUID) -> str | None:
    """Where a payee's money is sent, in full: for payout files only. Raises PayeeUnknown."""
    await payee(tx, payee_id)
    sealed = await queries.select_sealed_iban(tx, payee_id)
    return None if sealed is None else tx.vault.open(sealed).decode()


async def _change_iban(tx: Tx, payee_id: UUID, iban: str | None) -> bool:
    sealed = _seal(tx, iban)
    if await payee_iban(tx, payee_id) == (None if iban is None else read_iban(iban)):
        return False
    await queries.update_iban(tx, payee_id, sealed)
    return True


def _seal(tx: Tx, iban: str | None) -> SealedIban | None:
    if iban is None:
        return None
    plain = read_iban(iban)
    return SealedIban(tx.vault.seal(plain.encode()), plain[-4:])


def _there(found: Payee | None, payee_id: UUID) -> Payee:
    if found is None:
        raise PayeeUnknown(payee_id=public_id("pye", payee_id))
    return found
