"""`python -m vezne.app.reference`: writes the reference pages of the documentation from the code that they describe."""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from vezne.app.cli_commands import build
from vezne.app.http import create_app
from vezne.kernel.db import Database
from vezne.kernel.errors import Refusal
from vezne.kernel.events import Event
from vezne.kernel.settings import Settings

HEADER = "<!-- Written by `python -m vezne.app.reference`; not to be edited. -->\n\n"
FOLDER = Path(__file__).resolve().parents[3] / "docs" / "reference"


EXIT_CODES = """\
Exit codes: 0 done; 1 something is wrong (an audit found it); 2 wrong usage; 3 refused; 4 unavailable. Errors go to standard
error. `--json` answers in JSON.
"""
ERRORS = """\
Every refusal is a JSON object with `detail`, `code`, `errors` (the fields at fault) and `request_id`; `code` is stable. What is
no refusal but a fault of ours is 500, `internal_error`; a path that is not there 404, `not_found`; a method it does not take 405,
`method_not_allowed`.
"""


def settings_page() -> str:
    """Every setting with its names in the environment, its default and what it is for."""
    lines = ["# Settings\n", "From the environment, or from a `.env` file in the working folder.\n"]
    lines += ["| name | default | |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        names = " or ".join(f"`{each}`" for each in _names(name, field))
        lines.append(f"| {names} | {_default(field)} | {_cell(field.description or '')} |")
    return "\n".join(lines) + "\n"


def _names(name: str, field: FieldInfo) -> list[str]:
    choices = getattr(field.validation_alias, "choices", None)
    return [str(choice) for choice in choices] if choices else [f"VEZNE_{name.upper()}"]


def _default(field: FieldInfo) -> str:
    secret = any(SecretStr in get_args(each) or each is SecretStr for each in (field.annotation, *get_args(field.annotation)))
    return "" if field.default is None or secret else f"`{field.default}`"


def cli_page() -> str:
    """Every command with its arguments and options."""
    lines = ["# Command line\n", EXIT_CODES]
    for path, command in _commands("vezne", typer.main.get_command(build())):
        lines += [f"## `{path}`\n", f"{' '.join((command.help or '').split())}\n"]
        parameters = [_parameter(each) for each in command.params if each.name != "help"]
        lines += [*parameters, ""] if parameters else []
    return "\n".join(lines)


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - Typer keeps these types to itself
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, each in sorted(inner.items()):
        yield from _commands(f"{path} {name}", each)


def _parameter(parameter: Any) -> str:  # noqa: ANN401 - as above
    options = [*parameter.opts, *parameter.secondary_opts]
    name = " / ".join(options) if options[0].startswith("-") else str(parameter.name).upper()
    needed = " (required)" if parameter.required else ""
    return f"- `{name}`{needed}: {_cell(getattr(parameter, 'help', None) or '')}"


def api_page() -> str:
    """Every endpoint with the refusals it can answer with."""
    app = create_app(Settings(_env_file=None), db=_no_database())
    lines = ["# Endpoints\n", "The whole description, with every field, is served at `/openapi.json`.\n"]
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            summary = " ".join((operation.get("description") or operation.get("summary") or "").split())
            lines += [f"## `{method.upper()} {path}`\n", f"{summary}\n"]
            codes = sorted({code for answer in operation["responses"].values() for code in _codes(answer.get("description", ""))})
            lines += [f"Refusals: {', '.join(f'[`{code}`](errors.md#{code})' for code in codes)}.\n"] if codes else []
    return "\n".join(lines)


def _codes(description: str) -> list[str]:
    return [line.split("`")[1] for line in description.splitlines() if line.startswith("`")]


def _no_database() -> Database:
    """Describing the API asks nothing of the database."""
    return Database(pool=None)  # type: ignore[arg-type]


def errors_page() -> str:
    """Every refusal by its code, with its status and its words."""
    lines = ["# Errors\n", ERRORS]
    kinds = sorted(refusals(), key=lambda kind: (kind.code(), kind.__doc__ or ""))
    for kind in kinds:
        documented = f" (as `{kind.documented_code}`)" if kind.documented_code else ""
        lines += [f'## <a id="{kind.code()}"></a>`{kind.code()}`\n', f"{kind.status}{documented}. {_cell(kind.__doc__ or '')}\n"]
    return "\n".join(lines)


def refusals() -> set[type[Refusal]]:
    """Every refusal there is."""
    create_app(Settings(_env_file=None), db=_no_database())  # every slice is loaded
    return {kind for kind in _below(Refusal) if kind.__module__.startswith("vezne.")}


def events_page() -> str:
    """Every event with its fields."""
    create_app(Settings(_env_file=None), db=_no_database())
    lines = ["# Events\n", "Facts, kept for good in the audit log. Ids are shown with their prefixes, amounts in minor units.\n"]
    kinds = {kind.type: kind for kind in _below(Event) if kind.__module__.startswith("vezne.")}
    for _, kind in sorted(kinds.items()):
        fields = ", ".join(f"`{each.name}`" for each in dataclasses.fields(kind))
        lines += [f"## `{kind.type}`\n", f"{_cell(kind.__doc__ or '')}\n", f"Fields: {fields}.\n"]
    return "\n".join(lines)


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "cli.md": cli_page,
    "api.md": api_page,
    "errors.md": errors_page,
    "events.md": events_page,
}


def main() -> None:
    """Write every page anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(HEADER + page().rstrip() + "\n", encoding="utf-8")
        sys.stdout.write(f"{FOLDER / name}\n")


if __name__ == "__main__":
    main()
