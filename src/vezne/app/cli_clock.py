"""`vezne clock`: a test tenant's clock, which can be held and moved on."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from dateutil.parser import isoparse

from vezne.app.cli_output import JsonOption, TenantOption, run_async, show
from vezne.app.desk import desk
from vezne.app.tenants import find_tenant
from vezne.kernel import clock as tenants_clock
from vezne.kernel.db import Tx

commands = typer.Typer()
clock = typer.Typer(no_args_is_help=True, help="The clock of a test tenant: hold it, move it on, let it run again.")
commands.add_typer(clock, name="clock")

WhenArgument = Annotated[str | None, typer.Argument(help="an instant such as 2027-01-31T12:00:00+03:00; without an offset: UTC")]


class InstantUnreadable(RuntimeError):
    """An instant looks like 2027-01-31T12:00:00+03:00."""


@clock.command("show")
def show_time(*, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """What time it is for the tenant."""

    async def read(tx: Tx) -> datetime:
        return tx.now

    _tell(read, tenant, as_json=as_json)


@clock.command()
def hold(at: WhenArgument = None, *, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Hold the clock at an instant, or where it stands now."""
    instant = None if at is None else _instant(at)

    async def stop(tx: Tx) -> datetime:
        return await tenants_clock.hold(tx, instant or tx.now)

    _tell(stop, tenant, as_json=as_json)


@clock.command()
def advance(
    to: WhenArgument = None,
    *,
    days: Annotated[int, typer.Option(min=0, help="days to move on")] = 0,
    hours: Annotated[int, typer.Option(min=0, help="hours to move on")] = 0,
    minutes: Annotated[int, typer.Option(min=0, help="minutes to move on")] = 0,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move a held clock on, to an instant or by a while."""
    instant = None if to is None else _instant(to)
    by = timedelta(days=days, hours=hours, minutes=minutes)

    async def move(tx: Tx) -> datetime:
        return await tenants_clock.advance(tx, instant or tx.now + by)

    _tell(move, tenant, as_json=as_json)


@clock.command()
def release(*, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Let the clock run in real time again."""
    _tell(tenants_clock.release, tenant, as_json=as_json)


def _tell(move: Callable[[Tx], Awaitable[datetime]], tenant: str | None, *, as_json: bool) -> None:
    async def turn() -> dict[str, Any]:
        async with desk() as open_desk:
            found = await find_tenant(open_desk, tenant)
            async with open_desk.db.transaction(found.principal("clock")) as tx:
                now = await move(tx)
                held = await tx.fetchval("SELECT held_at IS NOT NULL FROM clocks WHERE tenant_id = $1", tx.tenant_id)
        return {"tenant": found.tenant.slug, "now": now.isoformat(), "held": bool(held)}

    show(run_async(turn()), as_json=as_json)


def _instant(text: str) -> datetime:
    try:
        instant = isoparse(text)
    except ValueError:
        raise InstantUnreadable(f"{InstantUnreadable.__doc__} Not: {text}") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
