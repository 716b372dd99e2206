"""`vezne audit`: whether the books are right."""

from typing import Annotated, Any

import typer
from rich.progress import Progress

from vezne.app.audit import TenantAudited, audit_all, audit_tenant
from vezne.app.cli_output import Exit, JsonOption, TenantOption, err, out, run_async, show
from vezne.app.desk import desk
from vezne.app.jobs import seal_key
from vezne.app.tenants import find_tenant

commands = typer.Typer()


@commands.command()
def audit(
    *,
    tenant: TenantOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Go on after the first thing that is wrong.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Recompute the books of every tenant (or of --tenant) and name what is wrong. Exit 0: all right; 1: something is wrong."""
    with Progress(console=err, disable=as_json or not err.is_terminal, transient=True) as progress:
        result = run_async(_examine(tenant, progress, everything=everything))
    findings = result["findings"]
    if as_json:
        show(result, as_json=True)
    elif not findings:
        out.print(f"The books are right ({result['tenants']} tenants).", style="green")
    for finding in [] if as_json else findings:
        out.print(
            f"WRONG  tenant {finding['tenant_id']}  {finding['check']}  {finding['subject']}: {finding['message']}",
            markup=False,
            soft_wrap=True,
        )
    if findings:
        raise typer.Exit(Exit.WRONG)


async def _examine(tenant: str | None, progress: Progress, *, everything: bool) -> dict[str, Any]:
    bar = progress.add_task("audit", total=None)
    findings: list[dict[str, Any]] = []
    done = 0
    async with desk() as open_desk:
        key = seal_key(open_desk.deployment.settings)
        if tenant is not None:
            found = await find_tenant(open_desk, tenant)
            principal = found.principal("audit")
            one = TenantAudited(principal.tenant_id, await audit_tenant(open_desk.db, principal, seal_key=key), 1, 1)
            return {"tenants": 1, "findings": _listed(one)[: None if everything else 1]}
        async for audited in audit_all(open_desk.db, seal_key=key):
            done = audited.done
            progress.update(bar, completed=audited.done, total=audited.total)
            findings += _listed(audited)
            if findings and not everything:
                findings = findings[:1]
                break
    return {"tenants": done, "findings": findings}


def _listed(audited: TenantAudited) -> list[dict[str, Any]]:
    return [
        {"tenant_id": audited.tenant_id, "check": found.check, "subject": found.subject, "message": found.message}
        for found in audited.findings
    ]
