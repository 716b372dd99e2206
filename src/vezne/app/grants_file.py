"""A CSV of grants: read strictly and in a stream, so that a file of any size takes the same memory."""

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dateutil.parser import isoparse
from pydantic import TypeAdapter, ValidationError

from vezne.kernel.errors import Refusal
from vezne.kernel.money import MAX_MINOR, Money
from vezne.wallets import KINDS, Grant

COLUMNS = ("customer", "kind", "currency", "amount_minor", "type", "expires_at", "reference")
OPTIONAL = ("origin", "description")
LONGEST_LINE = 10_000
MOST_MISTAKES = 20
_WHOLE = re.compile(r"[0-9]{1,16}", re.ASCII)
_GRANT: TypeAdapter[Grant] = TypeAdapter(Grant)


class FileUnreadable(RuntimeError):
    """The file is no CSV of grants."""


class RowsInvalid(RuntimeError):
    """Nothing was imported: some rows are not valid."""

    def __init__(self, mistakes: list[str], *, more: bool) -> None:
        lines = "\n".join(f"  {mistake}" for mistake in mistakes) + ("\n  … and more" if more else "")
        super().__init__(f"Nothing was imported: some rows are not valid.\n{lines}")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file: its line, and the grant it asks for or what is wrong with it."""

    line: int
    grant: Grant | None
    mistake: str = ""


def rows_of(file: Path) -> Iterator[Row]:
    """Every row in order. Raises FileUnreadable."""
    csv.field_size_limit(LONGEST_LINE)
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            _check_header(reader.fieldnames or ())
            for fields in reader:
                yield _row(reader.line_num, fields)
    except (csv.Error, UnicodeDecodeError) as error:
        raise FileUnreadable(f"{FileUnreadable.__doc__} {error}") from error


def check(file: Path) -> int:
    """How many rows the file has. Raises FileUnreadable, or RowsInvalid with the first mistakes and their lines."""
    mistakes: list[str] = []
    count = 0
    for row in rows_of(file):
        count += 1
        if row.grant is None:
            if len(mistakes) == MOST_MISTAKES:
                raise RowsInvalid(mistakes, more=True)
            mistakes.append(f"line {row.line}: {row.mistake}")
    if mistakes:
        raise RowsInvalid(mistakes, more=False)
    return count


def fingerprint(file: Path) -> str:
    """The SHA-256 of the file, by which an interrupted import of it is known again."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _check_header(names: Any) -> None:  # noqa: ANN401 - csv types it as a sequence of anything
    missing = [name for name in COLUMNS if name not in names]
    unknown = [name for name in names if name not in (*COLUMNS, *OPTIONAL)]
    if missing or unknown:
        told = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"unknown: {', '.join(map(str, unknown))}"] * bool(unknown)
        raise FileUnreadable(f"The first line names the columns; {'; '.join(told)}. Known: {', '.join((*COLUMNS, *OPTIONAL))}.")


def _row(line: int, fields: dict[str, Any]) -> Row:
    try:
        return Row(line, _grant(fields))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        return Row(line, None, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    except Refusal as refusal:
        return Row(line, None, refusal.detail)
    except ValueError as error:
        return Row(line, None, str(error))


def _grant(fields: dict[str, Any]) -> Grant:
    if None in fields or None in fields.values():
        raise ValueError("not as many fields as the first line has")
    for name in ("customer", "reference"):
        if not fields[name].strip() or len(fields[name]) > 200:  # noqa: PLR2004 - as the API has it
            raise ValueError(f"{name}: 1 to 200 characters")
    if not _WHOLE.fullmatch(fields["amount_minor"]) or not 0 < int(fields["amount_minor"]) <= MAX_MINOR:
        raise ValueError("amount_minor: a whole number of minor units, from 1")
    grant = _GRANT.validate_python(
        {
            "reference": fields["reference"],
            "customer_reference": fields["customer"],
            "kind": fields["kind"],
            "currency": fields["currency"],
            "amount_minor": int(fields["amount_minor"]),
            "type": fields["type"] or "purchased",
            "origin": fields.get("origin") or "import",
            "expires_at": _instant(fields["expires_at"]),
            "description": fields.get("description") or "",
        }
    )
    KINDS[grant.kind].demand_currency(grant.currency)
    Money(grant.amount_minor, grant.currency)
    return grant


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        instant = isoparse(text)
    except ValueError:
        raise ValueError("expires_at: an instant such as 2027-01-31T12:00:00+03:00, or nothing") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
