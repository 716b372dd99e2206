"""`vezne keys`: a tenant's API keys."""

from datetime import timedelta
from typing import Annotated, Any, Literal

import typer

from vezne import identity
from vezne.app.cli_output import JsonOption, TenantOption, run_async, show, show_all
from vezne.app.desk import desk
from vezne.app.tenants import find_tenant
from vezne.kernel.ids import parse_id, public_id

commands = typer.Typer()
keys = typer.Typer(no_args_is_help=True, help="API keys. A key's text is shown when it is made and never again.")
commands.add_typer(keys, name="keys")

KeyArgument = Annotated[str, typer.Argument(help="the key's id (key_…)")]


@keys.command()
def create(
    *,
    kind: Annotated[Literal["secret", "publishable", "restricted"], typer.Option(help="what sort of key")] = "secret",
    name: Annotated[str, typer.Option(help="what it is for")] = "",
    permission: Annotated[
        list[str] | None, typer.Option(help="of a restricted key, for instance wallets.read; repeat it")
    ] = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key."""

    async def make() -> dict[str, Any]:
        async with desk() as open_desk:
            principal = (await find_tenant(open_desk, tenant)).principal("keys")
            async with open_desk.db.transaction(principal) as tx:
                key, text = await identity.create_key(tx, kind=kind, name=name, permissions=permission or ())
        return {**_shown(key), "key": text.text}

    show(run_async(make()), as_json=as_json, title="made")


@keys.command("list")
def list_all(*, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """The tenant's keys, newest first."""

    async def collect() -> list[dict[str, Any]]:
        async with desk() as open_desk:
            principal = (await find_tenant(open_desk, tenant)).principal("keys")
            async with open_desk.db.transaction(principal, read_only=True) as tx:
                return [_shown(key) for key in await identity.list_keys(tx)]

    show_all(run_async(collect()), as_json=as_json, empty="no keys")


@keys.command()
def revoke(key: KeyArgument, *, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """End a key; every process refuses it within a second."""

    async def end() -> dict[str, Any]:
        async with desk() as open_desk:
            principal = (await find_tenant(open_desk, tenant)).principal("keys")
            async with open_desk.db.transaction(principal) as tx:
                return _shown(await identity.revoke_key(tx, parse_id("key", key)))

    show(run_async(end()), as_json=as_json, title="revoked")


@keys.command()
def rotate(
    key: KeyArgument,
    *,
    overlap_minutes: Annotated[int, typer.Option(min=0, max=30 * 24 * 60, help="how long the old key stays good")] = 24 * 60,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new key like an old one, which stays good for a while."""

    async def replace() -> dict[str, Any]:
        async with desk() as open_desk:
            principal = (await find_tenant(open_desk, tenant)).principal("keys")
            async with open_desk.db.transaction(principal) as tx:
                new, text = await identity.rotate_key(tx, parse_id("key", key), overlap=timedelta(minutes=overlap_minutes))
        return {**_shown(new), "key": text.text}

    show(run_async(replace()), as_json=as_json, title="rotated")


def _shown(key: identity.ApiKey) -> dict[str, Any]:
    return {
        "id": public_id("key", key.id),
        "kind": key.kind,
        "name": key.name,
        "ends_in": key.last4,
        "permissions": ", ".join(sorted(key.permissions)),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at and key.expires_at.isoformat(),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
    }
