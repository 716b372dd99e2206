"""The commands of `vezne`.

Exit codes: 0 done, 1 something is wrong (an audit found it, a story failed), 2 wrong usage, 3 refused, 4 unavailable.
Errors go to standard error as one line, or as JSON with `--json`; a traceback means a bug.
"""

import importlib
import sys
from typing import Annotated

import typer

import vezne
from vezne.app.cli_output import exit_code_of, report_error

# Which module holds which command: only the one that is asked for is loaded.
COMMANDS = {
    "run": "vezne.app.cli_run",
    "serve": "vezne.app.cli_run",
    "worker": "vezne.app.cli_run",
    "sandbox": "vezne.app.cli_run",
    "demo": "vezne.app.cli_demo",
    "migrate": "vezne.app.cli_database",
    "backup": "vezne.app.cli_database",
    "restore": "vezne.app.cli_database",
    "audit": "vezne.app.cli_audit",
    "jobs": "vezne.app.cli_jobs",
    "tenants": "vezne.app.cli_tenants",
    "keys": "vezne.app.cli_keys",
    "staff": "vezne.app.cli_staff",
    "clock": "vezne.app.cli_clock",
    "import": "vezne.app.cli_import",
}


def _version(asked: bool) -> None:  # noqa: FBT001 - the shape of a Typer callback
    if asked:
        typer.echo(vezne.__version__)
        raise typer.Exit


def build(word: str | None = None) -> typer.Typer:
    """The command line with the commands of the module that holds `word`, or with all of them."""
    root = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=word is None)

    @root.callback()
    def describe(
        *,
        version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
    ) -> None:
        """Vezne, the cash desk of an application."""

    modules = [COMMANDS[word]] if word in COMMANDS else list(dict.fromkeys(COMMANDS.values()))
    for name in modules:
        root.add_typer(importlib.import_module(name).commands)
    return root


def main() -> None:
    """Do what the command line asks."""
    arguments = sys.argv[1:]
    try:
        build(arguments[0] if arguments else None)()
    except Exception as error:
        code = exit_code_of(error)
        if code is None:
            raise
        report_error(error, as_json="--json" in arguments)
        sys.exit(code)
