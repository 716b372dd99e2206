"""A statement as people have it: a PDF, typeset in memory with the fonts that the typesetter brings, or CSV."""

import csv
import io
import json
import tomllib
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

import typst
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from vezne.kernel.ids import public_id
from vezne.kernel.money import exponent
from vezne.settlements.models import Statement, StatementLine
from vezne.settlements.transfer_files import harmless

_HERE = Path(__file__).parent
_TEMPLATE = _HERE / "templates" / "statement.typ"
_TEXTS = tomllib.loads((_HERE / "messages.toml").read_text(encoding="utf-8"))["statement"]
_WORDS = (
    "title",
    "payee",
    "opening",
    "closing",
    "summary",
    "lines",
    "nothing",
    "date",
    "what",
    "reserve",
    "amount",
    "balance",
    "page",
    "negative",
    "note",
)
KINDS = (
    "settlement.made",
    "settlement.clawed_back",
    "settlement.given_again",
    "settlement.released",
    "payout.requested",
    "payout.rejected",
    "payout.failed",
)
"""The kinds of entries that touch a payee's account, in the order of a summary."""
COLUMNS = ("at", "kind", "entry_id", "reference", "description", "reserve", "amount", "balance", "currency")


def pdf(statement: Statement, tenant: str, language: str) -> bytes:
    """The statement on paper. The same statement is the same file, byte for byte."""
    data = json.dumps(document(statement, tenant, language), ensure_ascii=False)
    compiler = typst.Compiler(ignore_system_fonts=True, sys_inputs={"data": data})
    at = statement.written_at.astimezone(UTC).replace(microsecond=0)  # the typesetter takes nothing finer
    made = compiler.compile(_TEMPLATE.read_bytes(), format="pdf", timestamp=at)
    if not isinstance(made, bytes):
        raise TypeError("a statement is one file")
    return made


def document(statement: Statement, tenant: str, language: str) -> dict[str, Any]:
    """What the template shows, all of it text in the reader's language."""
    totals = statement.totals()
    payee = statement.payee
    return {
        "tenant": tenant,
        "language": language,
        "texts": {word: _word(language, word) for word in _WORDS},
        "payee": {"name": payee.account_holder or payee.name, "account": f"•••• {payee.iban_last4}" if payee.iban_last4 else ""},
        "facts": _facts(statement, language),
        "opening": _sums(statement, language, statement.opening_minor, statement.reserve_opening_minor),
        "closing": _sums(statement, language, statement.closing_minor, statement.reserve_closing_minor),
        "owes": statement.closing_minor < 0,
        "totals": [
            {"what": _kind(language, kind), **_sums(statement, language, *totals[kind])} for kind in KINDS if kind in totals
        ],
        "lines": [_line(statement, line, language) for line in statement.lines],
    }


def csv_statement(statement: Statement) -> bytes:
    """The statement's lines for a spreadsheet: UTF-8 after RFC 4180, exact decimals, no cell that is run as a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in statement.lines:
        figures = [_exact(minor, statement.currency) for minor in (line.reserve_minor, line.amount_minor, line.balance_minor)]
        words = (line.at.isoformat(), line.kind, public_id("ent", line.entry_id), _reference(line), harmless(line.description))
        writer.writerow([*words, *figures, statement.currency])
    return text.getvalue().encode()


def _facts(statement: Statement, language: str) -> list[tuple[str, str]]:
    first, last = (format_date(day, "medium", locale=language) for day in (statement.first, statement.last))
    return [
        (_word(language, "period"), f"{first} – {last}"),
        (_word(language, "currency"), statement.currency),
        (_word(language, "written"), format_datetime(statement.written_at, "medium", locale=language)),
    ]


def _line(statement: Statement, line: StatementLine, language: str) -> dict[str, str]:
    return {
        "date": format_date(line.at.date(), "short", locale=language),
        "what": _kind(language, line.kind),
        "description": line.description,
        "reference": _reference(line),
        "balance": figure(line.balance_minor, statement.currency, language),
        **_sums(statement, language, line.amount_minor, line.reserve_minor),
    }


def _sums(statement: Statement, language: str, amount: int, reserve: int) -> dict[str, str]:
    return {
        "amount": figure(amount, statement.currency, language),
        "reserve": figure(reserve, statement.currency, language) if reserve else "",
    }


def figure(minor: int, currency: str, language: str) -> str:
    """An amount without its currency, as a person reads it."""
    digits = exponent(currency)
    text: str = format_decimal(_exact(minor, currency), format=f"#,##0.{'0' * digits}" if digits else "#,##0", locale=language)
    return text.replace("-", "−")


def _exact(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent(currency))


def _reference(line: StatementLine) -> str:
    """What a line is about: the order of a settlement, or the payout."""
    return str(line.details.get("order_id") or line.details.get("payout_id") or "")


def _kind(language: str, kind: str) -> str:
    text: str = _TEXTS["kinds"][kind][language]
    return text


def _word(language: str, word: str) -> str:
    text: str = _TEXTS[word][language]
    return text
