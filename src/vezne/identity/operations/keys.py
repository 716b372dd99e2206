"""API keys: making, rotating and revoking them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from vezne.identity import queries
from vezne.identity.events import KeyCreated, KeyRevoked, KeyRotated
from vezne.identity.models import (
    ApiKey,
    KeyKind,
    KeyNotFound,
    KeyRevokedAlready,
    KeyText,
    PermissionBeyondOwn,
    PermissionsNotTaken,
    PermissionUnknown,
)
from vezne.identity.permissions import ALL
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id


async def create_key(
    tx: Tx, *, kind: KeyKind = "secret", name: str = "", permissions: Iterable[str] = (), expires_at: datetime | None = None
) -> tuple[ApiKey, KeyText]:
    """Make a key of the tenant; its text is told here and never again.

    A restricted key takes the `permissions` it shall have, none beyond those of whoever makes it. Raises PermissionUnknown,
    PermissionsNotTaken, PermissionBeyondOwn.
    """
    granted = frozenset(permissions)
    if (kind == "restricted") != bool(granted):
        raise PermissionsNotTaken(loc=("body", "permissions"))
    for permission in sorted(granted):
        if permission not in ALL:
            raise PermissionUnknown(permission=permission[:64], loc=("body", "permissions"))
    for permission in sorted(granted if kind == "restricted" else ALL if kind == "secret" else frozenset()):
        if not tx.principal.may(permission):
            raise PermissionBeyondOwn(permission=permission)
    text = KeyText.fresh(kind, tx.tenant_id, livemode=tx.principal.livemode)
    key = ApiKey(new_id(), kind, name, text.text[-4:], granted, tx.now, expires_at, None)
    await queries.insert_key(tx, key, text.hash)
    await tx.publish(KeyCreated(key_id=key.id, kind=kind, last4=key.last4))
    return key, text


async def rotate_key(tx: Tx, key_id: UUID, *, overlap: timedelta) -> tuple[ApiKey, KeyText]:
    """Replace a key by a new one like it; the old one stays good for `overlap`. Each call makes another new key.

    Raises KeyNotFound, KeyRevokedAlready.
    """
    old = await _standing(tx, key_id)
    new, text = await create_key(tx, kind=old.kind, name=old.name, permissions=old.permissions)
    ends = tx.now + overlap if old.expires_at is None else min(tx.now + overlap, old.expires_at)
    await queries.mark_key(tx, key_id, expires_at=ends, revoked_at=None)
    await tx.publish(KeyRotated(key_id=key_id, expires_at=ends))
    return new, text


async def revoke_key(tx: Tx, key_id: UUID) -> ApiKey:
    """End a key; every process refuses it within a second. Again: no change. Raises KeyNotFound."""
    key = await queries.select_key(tx, key_id, lock=True)
    if key is None:
        raise KeyNotFound(key_id=public_id("key", key_id))
    if key.revoked_at is None:
        await queries.mark_key(tx, key_id, expires_at=key.expires_at, revoked_at=tx.now)
        await tx.publish(KeyRevoked(key_id=key_id))
    return await key_of(tx, key_id)


async def list_keys(tx: Tx) -> list[ApiKey]:
    """The tenant's keys, newest first."""
    return await queries.select_keys(tx)


async def key_of(tx: Tx, key_id: UUID) -> ApiKey:
    """One key. Raises KeyNotFound."""
    key = await queries.select_key(tx, key_id)
    if key is None:
        raise KeyNotFound(key_id=public_id("key", key_id))
    return key


async def _standing(tx: Tx, key_id: UUID) -> ApiKey:
    key = await queries.select_key(tx, key_id, lock=True)
    if key is None:
        raise KeyNotFound(key_id=public_id("key", key_id))
    if not key.stands(tx.now):
        raise KeyRevokedAlready(key_id=public_id("key", key_id))
    return key
