"""`vezne staff`: who may use the console."""

from typing import Annotated, Any

import typer

from vezne import identity
from vezne.app.cli_output import JsonOption, TenantOption, run_async, show, show_all
from vezne.app.desk import Desk, desk
from vezne.app.tenants import NamedTenant, find_tenant
from vezne.kernel.db import Tx
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.settings import Settings

commands = typer.Typer()
staff = typer.Typer(no_args_is_help=True, help="Staff: who may use the console, and as what.")
commands.add_typer(staff, name="staff")

WhoArgument = Annotated[str, typer.Argument(help="their id (stf_…) or e-mail")]


class NobodyThere(RuntimeError):
    """There is no member of staff with this e-mail."""


@staff.command()
def invite(
    email: Annotated[str, typer.Argument(help="their e-mail, by which they sign in")],
    *,
    role: Annotated[str, typer.Option(help=f"what they may do: {', '.join(identity.ROLES)}")] = "owner",
    name: Annotated[str | None, typer.Option(help="as others know them; default: the e-mail")] = None,
    payee: Annotated[str | None, typer.Option(help="the payee (pye_…) whose data alone a partner sees")] = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Invite somebody to the console; prints the link by which they choose a password, once."""

    async def make() -> dict[str, Any]:
        async with desk() as open_desk:
            found = await find_tenant(open_desk, tenant)
            async with open_desk.db.transaction(found.principal("staff")) as tx:
                person, invitation = await identity.invite(
                    tx, email=email, name=name or email, role=role, payee_id=parse_id("pye", payee) if payee else None
                )
            return {**_shown(person), **_link(open_desk, found, invitation)}

    show(run_async(make()), as_json=as_json, title="invited")


@staff.command("list")
def list_all(*, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """The tenant's staff, newest first."""

    async def collect() -> list[dict[str, Any]]:
        async with desk() as open_desk:
            principal = (await find_tenant(open_desk, tenant)).principal("staff")
            async with open_desk.db.transaction(principal, read_only=True) as tx:
                return [_shown(person) for person in await identity.list_staff(tx, limit=1000)]

    show_all(run_async(collect()), as_json=as_json, empty="Nobody was invited yet: `vezne staff invite`.")


@staff.command()
def reset(
    who: WhoArgument,
    *,
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="Turn the second step off too, and end their sessions.")
    ] = False,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """A new link to choose a password; prints it once. Links given before are void."""

    async def make() -> dict[str, Any]:
        async with desk() as open_desk:
            found = await find_tenant(open_desk, tenant)
            async with open_desk.db.transaction(found.principal("staff")) as tx:
                named = await _named(tx, who)
                person, invitation = await identity.invite_again(tx, named.id, without_second_factor=second_factor)
            return {**_shown(person), **_link(open_desk, found, invitation)}

    show(run_async(make()), as_json=as_json, title="invited again")


async def _named(tx: Tx, who: str) -> identity.Staff:
    if who.startswith("stf_"):
        return await identity.staff_member(tx, parse_id("stf", who))
    person = await identity.staff_by_email(tx, who)
    if person is None:
        raise NobodyThere(NobodyThere.__doc__)
    return person


def _link(open_desk: Desk, found: NamedTenant, invitation: identity.Invitation) -> dict[str, Any]:
    chosen, running = Settings().public_url, open_desk.deployment.connection()
    address = chosen or (running and running.url) or open_desk.deployment.settings.public_url
    return {
        "link": f"{address}/console/{found.tenant.slug}/invitations/{invitation.token}",
        "good_until": invitation.expires_at.isoformat(),
    }


def _shown(person: identity.Staff) -> dict[str, Any]:
    return {
        "id": public_id("stf", person.id),
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "payee": person.payee_id and public_id("pye", person.payee_id),
        "active": person.active,
        "has_password": person.has_password,
        "second_factor": person.second_factor,
    }
