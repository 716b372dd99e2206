"""API keys: making, rotating and revoking them.

A key's life is measured in real time, never by a test tenant's held clock, which could keep an ended key alive.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from vezne.identity import queries
from vezne.identity.events import KeyCreated, KeyRevoked, KeyRotated
from vezne.identity.models import (
    ApiKey,
    KeyEnded,
    KeyEndsBeforeItBegins,
    KeyKind,
    KeyNotFound,
    KeyText,
    PermissionBeyondOwn,
    PermissionsNotTaken,
    PermissionUnknown,
)
from vezne.identity.permissions import ALL
from vezne.kernel import clock
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id


async def create_key(
    tx: Tx, *, kind: KeyKind = "secret", name: str = "", permissions: Iterable[str] = (), expires_at: datetime | None = None
) -> tuple[ApiKey, KeyText]:
    """Make a key of the tenant; its text is told here and never again.

    A restricted key takes the `permissions` it shall have, none beyond those of whoever makes it. Raises PermissionUnknown,
    PermissionsNotTaken, PermissionBeyondOwn, KeyEndsBeforeItBegins.
    """
    granted = frozenset(permissions)
    _check_permissions(tx, kind, granted)
    now = clock.real_now()
    if expires_at is not None and expires_at <= now:
        raise KeyEndsBeforeItBegins(loc=("body", "expires_at"))
    text = KeyText.fresh(kind, tx.tenant_id, livemode=tx.principal.livemode)
    key = ApiKey(new_id(), kind, name, text.text[-4:], granted, now, expires_at, None)
    await queries.insert_key(tx, key, text.hash)
    await tx.publish(KeyCreated(key_id=key.id, kind=kind, last4=key.last4))
    return key, text


async def rotate_key(tx: Tx, key_id: UUID, *, overlap: timedelta) -> tuple[ApiKey, KeyText]:
    """Replace a key by a new one like it, without an end; the old one stays good for `overlap`, or until it would have ended.

    Each call makes another new key. Raises KeyNotFound, KeyEnded, PermissionBeyondOwn.
    """
    old = await _locked(tx, key_id)
    now = clock.real_now()
    if not old.stands(now):
        raise KeyEnded(key_id=public_id("key", key_id))
    new, text = await create_key(tx, kind=old.kind, name=old.name, permissions=old.permissions)
    ends = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
    await queries.mark_key(tx, key_id, expires_at=ends, revoked_at=None)
    await tx.publish(KeyRotated(key_id=key_id, replaced_by=public_id("key", new.id), expires_at=ends))
    return new, text


async def revoke_key(tx: Tx, key_id: UUID) -> ApiKey:
    """End a key; every process refuses it within a second. Again: no change. Raises KeyNotFound."""
    key = await _locked(tx, key_id)
    if key.revoked_at is None:
        await queries.mark_key(tx, key_id, expires_at=key.expires_at, revoked_at=clock.real_now())
        await tx.publish(KeyRevoked(key_id=key_id))
    return await key_of(tx, key_id)


async def list_keys(tx: Tx, *, before: UUID | None = None, limit: int | None = None) -> list[ApiKey]:
    """The tenant's keys, newest first: all, or `limit` of those made before the key `before`."""
    return await queries.select_keys(tx, before=before, limit=limit)


async def key_of(tx: Tx, key_id: UUID) -> ApiKey:
    """One key. Raises KeyNotFound."""
    key = await queries.select_key(tx, key_id)
    if key is None:
        raise KeyNotFound(key_id=public_id("key", key_id))
    return key


def _check_permissions(tx: Tx, kind: KeyKind, granted: frozenset[str]) -> None:
    if (kind == "restricted") != bool(granted):
        raise PermissionsNotTaken(loc=("body", "permissions"))
    unknown = sorted(granted - ALL)
    if unknown:
        raise PermissionUnknown(permission=unknown[0][:64], loc=("body", "permissions"))
    for permission in sorted({"secret": ALL, "restricted": granted, "publishable": frozenset[str]()}[kind]):
        if not tx.principal.may(permission):
            raise PermissionBeyondOwn(permission=permission)


async def _locked(tx: Tx, key_id: UUID) -> ApiKey:
    key = await queries.select_key(tx, key_id, lock=True)
    if key is None:
        raise KeyNotFound(key_id=public_id("key", key_id))
    return key
