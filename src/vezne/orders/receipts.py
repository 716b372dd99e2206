"""Receipts and letters of refund as people have them: a PDF, typeset in memory, and mail. Nothing is reckoned of amounts here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst
from babel.dates import format_date, format_datetime

from vezne.identity import Customer, Reader, Tenant
from vezne.kernel.ids import public_id
from vezne.kernel.mail import Attachment, Body, Letter, Letters
from vezne.kernel.money import Money, format_money
from vezne.orders.models import Line, Order, OrderRefund, OrderStatus, Tender

_LETTERS = Letters("orders")
_TEMPLATE = Path(__file__).parent / "templates" / "receipt.typ"
_WORDS = ("title", "customer", "what", "quantity", "amount", "total", "paid_with", "refunded", "no_tax", "test", "page")
_OFFLINE = frozenset({"cash", "bank_transfer"})


@dataclass(frozen=True, slots=True)
class Given:
    """Stored value that a line has given, and until when it can be spent (None: for ever)."""

    units: Money
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A line, what it gave, and the period it is for, where it is for one."""

    line: Line
    given: Sequence[Given] = ()
    period: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class PaidBy:
    """A tender as people know it: the kind of wallet, or the provider, what that calls the payment, and the card."""

    tender: Tender
    what: str
    reference: str = ""
    card: str = ""
    units: Money | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A paid order, for a person to read."""

    order: Order
    lines: Sequence[ReceiptLine]
    bonus: Sequence[Given]
    paid: Sequence[PaidBy]
    customer: Customer
    tenant: Tenant

    @property
    def language(self) -> str:
        """The customer's own, else the tenant's."""
        return self.customer.locale or self.tenant.settings.locale


def pdf(receipt: Receipt, language: str) -> bytes:
    """The receipt on paper. The same receipt is the same file, byte for byte."""
    data = json.dumps(document(receipt, language), ensure_ascii=False)
    compiler = typst.Compiler(ignore_system_fonts=True, sys_inputs={"data": data})
    at = (receipt.order.paid_at or receipt.order.created_at).astimezone(UTC).replace(microsecond=0)
    made = compiler.compile(_TEMPLATE.read_bytes(), format="pdf", timestamp=at)
    if not isinstance(made, bytes):
        raise TypeError("a receipt is one file")
    return made


def file_name(order: Order) -> str:
    """What the PDF is called."""
    return f"receipt-{public_id('ord', order.id)}.pdf"


def document(receipt: Receipt, language: str) -> dict[str, Any]:
    """What the templates show, all of it text in the reader's language."""
    order = receipt.order
    return {
        "language": language,
        "texts": {word: _word(language, word) for word in _WORDS},
        "seller": receipt.tenant.name,
        "sender": _sender(receipt.tenant),
        "number": public_id("ord", order.id),
        "customer": _customer(receipt.customer),
        "facts": _facts(receipt, language),
        "lines": [_line(receipt, line, language) for line in receipt.lines] + _bonus(receipt, language),
        "sums": _sums(receipt, language),
        "total": format_money(Money(order.total_minor, order.currency), language),
        "paid": [_paid(by, by.tender.amount_minor, language) for by in receipt.paid],
        "refunded": format_money(Money(order.refunded_minor, order.currency), language) if order.refunded_minor else "",
        "test": not receipt.tenant.livemode,
    }


def receipt_letter(receipt: Receipt, reader: Reader, file: bytes) -> Letter:
    """The receipt as mail, its PDF attached."""
    data = document(receipt, reader.language)
    subject = _LETTERS.subject(reader.language, "receipt.subject", seller=receipt.tenant.name, total=data["total"])
    number = data["number"]
    letter = reader.letter(
        _body("receipt", reader, data), subject=subject, purpose="receipt", about=number, dedupe=f"receipt:{number}"
    )
    return letter.with_files(Attachment(file_name(receipt.order), "application/pdf", file))


def refund_letter(receipt: Receipt, reader: Reader, refund: OrderRefund, shares: Sequence[tuple[PaidBy, int]]) -> Letter:
    """What of a refund goes back where, as mail."""
    language = reader.language
    amount = format_money(Money(refund.amount_minor, refund.currency), language)
    number = public_id("ord", refund.order_id)
    day = format_date(refund.created_at.astimezone(reader.zone).date(), "long", locale=language)
    data = {
        "amount": amount,
        "whole": receipt.order.status is OrderStatus.REFUNDED and refund.amount_minor == receipt.order.total_minor,
        "goes": [_paid(by, part, language) for by, part in shares],
        "takes_time": any(by.tender.kind == "provider" and by.what not in _OFFLINE for by, _ in shares),
        "facts": [
            (_LETTERS.subject(language, "refund.order"), number),
            (_LETTERS.subject(language, "refund.date"), day),
        ],
        "sender": _sender(receipt.tenant),
    }
    subject = _LETTERS.subject(language, "refund.subject", seller=receipt.tenant.name, amount=amount)
    dedupe = f"refund:{public_id('ref', refund.id)}"
    return reader.letter(_body("refund", reader, data), subject=subject, purpose="refund", about=number, dedupe=dedupe)


def _body(name: str, reader: Reader, data: dict[str, Any]) -> Body:
    return _LETTERS.render(
        name,
        language=reader.language,
        sender=reader.tenant.name,
        zone=reader.zone,
        seller=reader.tenant.name,
        name=reader.customer.name or "",
        test_mode=not reader.tenant.livemode,
        data=data,
    )


def _sender(tenant: Tenant) -> list[str]:
    return [line.strip() for line in (tenant.settings.receipt_sender or tenant.name).splitlines() if line.strip()]


def _customer(customer: Customer) -> list[str]:
    known = [customer.name, customer.email, customer.reference]
    return [text for text in known if text] or [public_id("cus", customer.id)]


def _facts(receipt: Receipt, language: str) -> list[tuple[str, str]]:
    order, zone = receipt.order, receipt.tenant.settings.zone
    facts = [(_word(language, "number"), public_id("ord", order.id))]
    if order.paid_at is not None:
        paid = format_datetime(order.paid_at, "medium", tzinfo=zone, locale=language)
        facts.append((_word(language, "date"), paid))
    return facts


def _line(receipt: Receipt, shown: ReceiptLine, language: str) -> dict[str, Any]:
    line = shown.line
    notes = [_given(receipt, each, language) for each in shown.given]
    if shown.period is not None:
        first, last = (_day(receipt, at, language) for at in shown.period)
        notes.insert(0, _word(language, "period", first=first, last=last))
    return {
        "what": line.description,
        "notes": notes,
        "quantity": str(line.quantity),
        "amount": format_money(Money(line.amount_minor + line.discount_minor, line.currency), language),
    }


def _bonus(receipt: Receipt, language: str) -> list[dict[str, Any]]:
    return [
        {"what": _word(language, "bonus", given=_given(receipt, each, language)), "notes": [], "quantity": "", "amount": ""}
        for each in receipt.bonus
    ]


def _given(receipt: Receipt, given: Given, language: str) -> str:
    units = format_money(given.units, language)
    if given.expires_at is None:
        return _word(language, "given_for_ever", units=units)
    return _word(language, "given", units=units, day=_day(receipt, given.expires_at, language))


def _day(receipt: Receipt, at: datetime, language: str) -> str:
    text: str = format_date(at.astimezone(receipt.tenant.settings.zone).date(), "long", locale=language)
    return text


def _sums(receipt: Receipt, language: str) -> list[tuple[str, str]]:
    """What stands between the lines and the total, where anything does."""
    currency = receipt.order.currency
    off = sum(shown.line.discount_minor for shown in receipt.lines)
    if not off:
        return []
    before = Money(receipt.order.total_minor + off, currency)
    return [
        (_word(language, "subtotal"), format_money(before, language)),
        (_word(language, "discount"), f"−{format_money(Money(off, currency), language)}"),
    ]


def _paid(by: PaidBy, amount_minor: int, language: str) -> dict[str, str]:
    kind = by.what if by.tender.kind != "provider" or by.what in _OFFLINE else "card" if by.card else "online"
    units = "" if by.units is None else format_money(by.units, language)
    return {
        "how": _word(language, f"tender.{kind}", card=by.card, units=units),
        "reference": by.reference,
        "amount": format_money(Money(amount_minor, by.tender.currency), language),
    }


def _word(language: str, word: str, **names: object) -> str:
    return _LETTERS.subject(language, f"receipt.{word}", **names)
