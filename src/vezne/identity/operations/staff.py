"""Staff: inviting them, changing what they may do, ending what they have open.

An invitation, a session and a pause are measured in real time, never by a test tenant's held clock, which could keep an ended
one alive.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from vezne.identity import queries_staff
from vezne.identity.events import SessionEnded, StaffChanged, StaffInvited
from vezne.identity.models_staff import (
    INVITATION_LIFE,
    SCOPED_ROLES,
    Invitation,
    LastOwner,
    OwnStanding,
    PayeeNotNamed,
    PayeeNotTaken,
    RoleBeyondOwn,
    RoleUnknown,
    Staff,
    StaffEmailTaken,
    StaffInactive,
    StaffNotFound,
    StaffSession,
    checked_email,
    checked_name,
    fresh_token,
    token_hash,
)
from vezne.identity.operations import payees
from vezne.identity.permissions import ROLES
from vezne.kernel import clock
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id


async def invite(
    tx: Tx, *, email: str, name: str, role: str, payee_id: UUID | None = None, locale: str | None = None
) -> tuple[Staff, Invitation]:
    """Make somebody a member of staff; the invitation's token, by which they choose their password, is told here only.

    Nobody gives a role that may do more than they. Raises EmailMalformed, NameMissing, StaffEmailTaken, RoleUnknown,
    RoleBeyondOwn, PayeeNotNamed, PayeeNotTaken, PayeeUnknown.
    """
    await _check_role(tx, role, payee_id)
    person = Staff(
        id=new_id(),
        email=checked_email(email),
        name=checked_name(name),
        role=role,
        payee_id=payee_id,
        locale=locale,
        active=True,
        has_password=False,
        second_factor=False,
        signed_in_at=None,
        created_at=clock.real_now(),
    )
    if not await queries_staff.insert_staff(tx, person):
        raise StaffEmailTaken(loc=("body", "email"))
    return person, await _invite(tx, person)


async def invite_again(tx: Tx, staff_id: UUID, *, without_second_factor: bool = False) -> tuple[Staff, Invitation]:
    """A new link to choose a password; earlier ones are void. The old password stays good until a new one is chosen.

    With `without_second_factor` (the telephone is lost) the second step is turned off and every session ended. Raises
    StaffNotFound, StaffInactive, RoleBeyondOwn.
    """
    person = await _locked(tx, staff_id)
    _check_reach(tx, person.role)
    if not person.active:
        raise StaffInactive
    if without_second_factor and person.second_factor:
        await queries_staff.update_second_factor(tx, staff_id, secret=None, since=None, step=0, recovery=[])
        await tx.publish(StaffChanged(staff_id=staff_id, changed=["second_factor"]))
        await end_sessions(tx, staff_id, why="second_factor_removed")
    return await staff_member(tx, staff_id), await _invite(tx, person)


async def change_staff(tx: Tx, staff_id: UUID, changes: Mapping[str, Any]) -> Staff:
    """Change `name`, `role`, `payee_id`, `locale` or `active`. The same again changes nothing.

    A new role holds from the next request on; whoever is no longer active is signed out everywhere. Raises StaffNotFound,
    OwnStanding, LastOwner, RoleUnknown, RoleBeyondOwn, PayeeNotNamed, PayeeNotTaken, PayeeUnknown.
    """
    owners = await queries_staff.lock_owners(tx)
    before = await _locked(tx, staff_id)
    after = replace(before, **changes)
    changed = sorted(name for name in changes if getattr(before, name) != getattr(after, name))
    if not changed:
        return before
    _check_reach(tx, before.role)
    if {"role", "payee_id", "active"} & set(changed):
        if tx.principal.actor == f"staff:{public_id('stf', staff_id)}":
            raise OwnStanding
        await _check_role(tx, after.role, after.payee_id)
    if owners == [staff_id] and (after.role != "owner" or not after.active):
        raise LastOwner
    await queries_staff.update_staff(tx, after)
    await tx.publish(StaffChanged(staff_id=staff_id, changed=changed))
    if not after.active:
        await queries_staff.mark_invitations_ended(tx, staff_id, clock.real_now())
        await end_sessions(tx, staff_id, why="not_active")
    return after


async def staff_member(tx: Tx, staff_id: UUID) -> Staff:
    """One member of staff. Raises StaffNotFound."""
    return _known(await queries_staff.select_staff(tx, staff_id), staff_id)


async def staff_by_email(tx: Tx, email: str) -> Staff | None:
    """Whoever has this e-mail."""
    found = await queries_staff.select_proof(tx, email.strip().lower())
    return None if found is None else found[0]


async def list_staff(tx: Tx, *, before: UUID | None = None, limit: int = 100) -> list[Staff]:
    """Staff, newest first, those no longer active too."""
    return await queries_staff.select_all_staff(tx, before=before, limit=limit)


async def sessions_of(tx: Tx, staff_id: UUID) -> list[StaffSession]:
    """The sessions they have open, newest first."""
    now = clock.real_now()
    return [each for each in await queries_staff.select_sessions(tx, staff_id) if each.stands(now) and each.stage == "open"]


async def end_sessions(tx: Tx, staff_id: UUID, *, why: str, but: UUID | None = None) -> int:
    """Sign them out everywhere (`but` in one session); how many sessions that ended. Again: none."""
    ended = await queries_staff.mark_sessions_ended(tx, staff_id, clock.real_now(), but=but)
    await tx.publish(*[SessionEnded(session_id=session_id, staff_id=staff_id, why=why) for session_id in ended])
    return len(ended)


async def sign_out_everywhere(tx: Tx, staff_id: UUID) -> int:
    """End all of a member of staff's sessions on somebody's wish. Raises StaffNotFound, RoleBeyondOwn."""
    person = await _locked(tx, staff_id)
    _check_reach(tx, person.role)
    return await end_sessions(tx, staff_id, why="ended_by_staff")


async def _invite(tx: Tx, person: Staff) -> Invitation:
    now = clock.real_now()
    await queries_staff.mark_invitations_ended(tx, person.id, now)
    invitation = Invitation(fresh_token(), now + INVITATION_LIFE)
    await queries_staff.insert_invitation(
        tx, new_id(), person.id, token_hash(invitation.token), expires_at=invitation.expires_at, created_at=now
    )
    await tx.publish(
        StaffInvited(staff_id=person.id, role=person.role, payee_id=person.payee_id, expires_at=invitation.expires_at)
    )
    return invitation


async def _check_role(tx: Tx, role: str, payee_id: UUID | None) -> None:
    if role not in ROLES:
        raise RoleUnknown(role=role[:64], loc=("body", "role"))
    _check_reach(tx, role)
    if role == "partner" and payee_id is None:
        raise PayeeNotNamed(loc=("body", "payee_id"))
    if payee_id is not None and role not in SCOPED_ROLES:
        raise PayeeNotTaken(role=role, loc=("body", "payee_id"))
    if payee_id is not None:
        await payees.payee(tx, payee_id)


def _check_reach(tx: Tx, role: str) -> None:
    """Whoever gives, changes or resets a role may do all that it may: else they could help themselves to it."""
    for permission in sorted(ROLES.get(role, frozenset())):
        if not tx.principal.may(permission):
            raise RoleBeyondOwn(role=role, permission=permission)


async def _locked(tx: Tx, staff_id: UUID) -> Staff:
    found = await queries_staff.lock_staff(tx, staff_id)
    return _known(found and found[0], staff_id)


def _known(found: Staff | None, staff_id: UUID) -> Staff:
    if found is None:
        raise StaffNotFound(staff_id=public_id("stf", staff_id))
    return found
