"""`vezne demo`: one of the documents' stories against the running service."""

import json
from enum import StrEnum
from typing import Annotated, Any

import httpx2
import typer

from vezne.app.audit import audit_tenant
from vezne.app.cli_output import Exit, JsonOption, NotAvailable, out, run_async
from vezne.app.demos import STORIES
from vezne.app.demos.story import Api, Step
from vezne.app.desk import desk
from vezne.app.jobs import seal_key
from vezne.app.processes import this_deployment
from vezne.app.tenants import find_tenant

commands = typer.Typer()


class StoryName(StrEnum):
    """The stories there are."""

    CAMPUS = "campus"
    TICKETS = "tickets"
    STORAGE = "storage"
    COINS = "coins"
    CREDITS = "credits"


@commands.command()
def demo(
    story: Annotated[StoryName, typer.Argument(help="which story")] = StoryName.CAMPUS,
    *,
    url: Annotated[str | None, typer.Option(help="the service; default: the one that runs on this data folder")] = None,
    key: Annotated[
        str | None, typer.Option(help="a secret key of a test tenant; default: the first start's", envvar="VEZNE_KEY")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Play a story over HTTP, then audit the books. The service must be running.

    campus: a wallet is loaded, and pays lunch, a concert and a dinner. tickets: seats through PayU, check-in, payout to the host.
    storage: a unit through the booking widget and MagicPay, commission and settlement. coins: a course platform's coins, earned,
    spent and taken back. credits: packs, promo codes and a membership through Stripe.
    """
    steps = run_async(_play(story.value, url, key, as_json=as_json))
    if as_json:
        typer.echo(json.dumps({"steps": steps}))
    else:
        out.print("\nThe story is complete.", style="bold green")
    if steps[-1].get("findings"):
        raise typer.Exit(Exit.WRONG)


async def _play(story: str, url: str | None, key: str | None, *, as_json: bool) -> list[dict[str, Any]]:
    deployment = this_deployment()
    connection, tenant = deployment.connection(), deployment.demo_tenant()
    if url is None and connection is None:
        raise NotAvailable(f"No service runs on {deployment.folder}: start it with `vezne run`, or name it with --url and --key.")
    if key is None and tenant is None:
        raise NotAvailable(f"{deployment.folder} has no tenant of a first start: name a secret key with --key.")
    told: list[dict[str, Any]] = []
    address, secret = url or (connection.url if connection else ""), key or (tenant.secret_key if tenant else "")
    async with httpx2.AsyncClient(timeout=15) as client:
        async for step in STORIES[story](Api(client, address, secret)):
            _tell(step, told, as_json=as_json)
    if url is None and key is None:  # with an address of its own, the books may be another machine's
        _tell(await _audit(), told, as_json=as_json)
    return told


async def _audit() -> Step:
    async with desk() as open_desk:
        principal = (await find_tenant(open_desk, None)).principal("audit")
        findings = await audit_tenant(open_desk.db, principal, seal_key=seal_key(open_desk.deployment.settings))
    lines = [f"{found.check}: {found.subject}: {found.message}" for found in findings]
    return Step("The audit finds nothing wrong" if not findings else "The audit finds something wrong", {"findings": lines})


def _tell(step: Step, told: list[dict[str, Any]], *, as_json: bool) -> None:
    told.append({"step": step.title, **step.facts})
    if as_json:
        return
    out.print(f"{len(told):2}. {step.title}", style="bold", markup=False)
    for name, value in step.facts.items():
        for line in value if isinstance(value, list) else [value]:
            out.print(f"      {name}: {line}", markup=False, soft_wrap=True)
