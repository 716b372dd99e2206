"""`vezne tenants`: the businesses of this deployment."""

import json
from typing import Annotated, Any

import typer

from vezne import identity
from vezne.app.cli_output import JsonOption, run_async, show, show_all
from vezne.app.desk import desk
from vezne.app.tenants import NamedTenant, find_tenant, shown

commands = typer.Typer()
tenants = typer.Typer(no_args_is_help=True, help="Tenants: the businesses of this deployment.")
commands.add_typer(tenants, name="tenants")

TenantName = Annotated[str | None, typer.Argument(help="its id (ten_…) or slug; default: the tenant of the first start")]


class SettingUnreadable(RuntimeError):
    """A setting is given as name=value; a value that is not JSON is text."""


@tenants.command()
def create(
    slug: Annotated[str, typer.Argument(help="a short name, unique in this deployment")],
    *,
    name: Annotated[str | None, typer.Option(help="as people know it; default: the slug")] = None,
    live: Annotated[bool, typer.Option("--live", help="Real money; for good. Default: a test tenant.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Open a tenant and make its first secret key, which is shown here and never again."""

    async def open_tenant() -> dict[str, Any]:
        async with desk() as open_desk:
            tenant = await identity.create_tenant(open_desk.db, slug=slug, name=name or slug, livemode=live)
            async with open_desk.db.transaction(NamedTenant(tenant).principal("tenants")) as tx:
                _, key = await identity.create_key(tx, name="first")
        return {**shown(tenant), "secret_key": key.text}

    show(run_async(open_tenant()), as_json=as_json, title="opened")


@tenants.command("list")
def list_all(*, as_json: JsonOption = False) -> None:
    """All tenants, oldest first."""

    async def collect() -> list[dict[str, object]]:
        async with desk() as open_desk:
            return [shown(tenant) for tenant in await identity.list_tenants(open_desk.db)]

    show_all(run_async(collect()), as_json=as_json, empty="There is no tenant yet.")


@tenants.command("show")
def show_one(tenant: TenantName = None, *, as_json: JsonOption = False) -> None:
    """One tenant with its settings."""

    async def read() -> dict[str, Any]:
        async with desk() as open_desk:
            found = (await find_tenant(open_desk, tenant)).tenant
        return {**shown(found), "settings": found.settings.model_dump(mode="json")}

    show(run_async(read()), as_json=as_json)


@tenants.command("set")
def set_settings(
    settings: Annotated[list[str], typer.Argument(help="name=value, for instance locale=tr default_currency=EUR")],
    *,
    tenant: Annotated[str | None, typer.Option("--tenant", help="its id (ten_…) or slug")] = None,
    name: Annotated[str | None, typer.Option(help="a new name")] = None,
    as_json: JsonOption = False,
) -> None:
    """Change settings of a tenant; the others stay."""
    wanted = dict(_setting(text) for text in settings)

    async def change() -> dict[str, Any]:
        async with desk() as open_desk:
            found = await find_tenant(open_desk, tenant)
            async with open_desk.db.transaction(found.principal("tenants")) as tx:
                changed = await identity.change_tenant(tx, name=name, settings=wanted)
        return {**shown(changed), "settings": changed.settings.model_dump(mode="json")}

    show(run_async(change()), as_json=as_json, title="changed")


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SettingUnreadable(f"{SettingUnreadable.__doc__} Not: {text}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
