"""`vezne run`, and its parts for those who have a supervisor of their own."""

import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from vezne.app import processes, supervisor
from vezne.app.cli_output import JsonOption, err, out, run_async
from vezne.app.deployment import Deployment, open_deployment, postgres_folder
from vezne.kernel.postgres import EmbeddedPostgres
from vezne.kernel.settings import Settings
from vezne.kernel.telemetry import configure_logs

commands = typer.Typer()

PortOption = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Instead of the setting; 0 takes a free one.")]


@commands.command()
def run(*, port: PortOption = None, as_json: JsonOption = False) -> None:
    """Run everything: PostgreSQL, the service, the worker and the sandbox. Stop it with Ctrl-C.

    The first start makes the database, and a test tenant with a secret key.
    """
    chosen = Settings() if port is None else Settings().model_copy(update={"port": port})
    configure_logs(level=chosen.log_level, as_json=chosen.log_json)
    settings, listeners = supervisor.with_ports(chosen)
    deployment = open_deployment(settings, EmbeddedPostgres(postgres_folder(settings.data_dir)).dsn)

    def tell(running: supervisor.Running) -> None:
        _tell_ready(running, _seconds_since_start(), as_json=as_json)

    run_async(supervisor.run(deployment, listeners, tell))
    if not as_json:
        err.print("stopped")


def _seconds_since_start() -> float:
    """How long this process has lived: loading it is part of the wait."""
    started_ticks = int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_ticks / os.sysconf("SC_CLK_TCK")


def _tell_ready(running: supervisor.Running, seconds: float, *, as_json: bool) -> None:
    tenant = running.deployment.demo_tenant()
    facts = {
        **dataclasses.asdict(running.connection),
        "ready_in_seconds": round(seconds, 2),
        "data_dir": str(running.deployment.folder),
        "tenant": tenant and tenant.tenant,
        "secret_key": tenant and tenant.secret_key,
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    out.print(f"Vezne is ready at {facts['url']} ({facts['ready_in_seconds']} s)", style="bold green", soft_wrap=True)
    out.print(f"  sandbox     {facts['sandbox_url']} (plays the payment provider)", soft_wrap=True)
    out.print(f"  data        {facts['data_dir']}", markup=False, soft_wrap=True)
    if tenant:
        out.print(f"  tenant      {tenant.tenant} (test)", markup=False, soft_wrap=True)
        out.print(f"  secret key  {tenant.secret_key}", markup=False, soft_wrap=True)
    out.print("  try         vezne demo")


@commands.command()
def serve() -> None:
    """Serve HTTP in this one process. The database is waited for: until then requests are answered 503."""
    processes.serve(_alone())


@commands.command()
def worker() -> None:
    """Do jobs and what the clock asks for, in this one process."""
    processes.work(_alone())


@commands.command()
def sandbox() -> None:
    """Be the sandbox, which plays the payment providers, on loopback only."""
    processes.play_providers(_alone())


def _alone() -> Deployment:
    deployment = processes.this_deployment()
    configure_logs(level=deployment.settings.log_level, as_json=deployment.settings.log_json)
    return deployment
