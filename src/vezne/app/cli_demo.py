"""`vezne demo`: the campus story against the running service."""

import json
from typing import Annotated, Any

import typer

from vezne.app import demo as story
from vezne.app.audit import audit_tenant
from vezne.app.cli_output import Exit, JsonOption, NotAvailable, out, run_async
from vezne.app.desk import desk
from vezne.app.jobs import seal_key
from vezne.app.processes import this_deployment
from vezne.app.tenants import find_tenant

commands = typer.Typer()


@commands.command()
def demo(
    *,
    url: Annotated[str | None, typer.Option(help="the service; default: the one that runs on this data folder")] = None,
    key: Annotated[
        str | None, typer.Option(help="a secret key of a test tenant; default: the first start's", envvar="VEZNE_KEY")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Play a top-up, a lunch and a refund over HTTP, then audit the books. The service must be running."""
    steps = run_async(_play(url, key, as_json=as_json))
    if as_json:
        typer.echo(json.dumps({"steps": steps}))
    else:
        out.print("\nThe story is complete.", style="bold green")
    if steps[-1].get("findings"):
        raise typer.Exit(Exit.WRONG)


async def _play(url: str | None, key: str | None, *, as_json: bool) -> list[dict[str, Any]]:
    deployment = this_deployment()
    connection, tenant = deployment.connection(), deployment.demo_tenant()
    if url is None and connection is None:
        raise NotAvailable(f"No service runs on {deployment.folder}: start it with `vezne run`, or name it with --url and --key.")
    if key is None and tenant is None:
        raise NotAvailable(f"{deployment.folder} has no tenant of a first start: name a secret key with --key.")
    told: list[dict[str, Any]] = []
    address, secret = url or (connection.url if connection else ""), key or (tenant.secret_key if tenant else "")
    async for step in story.tell(address, secret):
        _tell(step, told, as_json=as_json)
    if url is None and key is None:  # with an address of its own, the books may be another machine's
        _tell(await _audit(), told, as_json=as_json)
    return told


async def _audit() -> story.Step:
    async with desk() as open_desk:
        principal = (await find_tenant(open_desk, None)).principal("audit")
        findings = await audit_tenant(open_desk.db, principal, seal_key=seal_key(open_desk.deployment.settings))
    lines = [f"{found.check}: {found.subject}: {found.message}" for found in findings]
    return story.Step("The audit finds nothing wrong" if not findings else "The audit finds something wrong", {"findings": lines})


def _tell(step: story.Step, told: list[dict[str, Any]], *, as_json: bool) -> None:
    told.append({"step": step.title, **step.facts})
    if as_json:
        return
    out.print(f"{len(told):2}. {step.title}", style="bold", markup=False)
    for name, value in step.facts.items():
        for line in value if isinstance(value, list) else [value]:
            out.print(f"      {name}: {line}", markup=False, soft_wrap=True)
