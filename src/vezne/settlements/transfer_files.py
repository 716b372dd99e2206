"""Files that banks read: CSV for people and portals, ISO 20022 pain.001.001.09 for the rest. Plain values in, bytes out."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from xml.etree import ElementTree as ET

from vezne.kernel.money import exponent

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
COLUMNS = ("payout_id", "name", "iban", "bic", "amount", "currency", "reference")
_LONGEST_NAME, _LONGEST_TEXT = 70, 140
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FORMULA = re.compile(r"^[=+\-@\t\r\n]")


@dataclass(frozen=True, slots=True)
class Party:
    """Whose account it is, and where; the BIC where it is known."""

    name: str
    iban: str
    bic: str | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """One payout as the bank is told of it; `id` comes back in the bank's answers."""

    id: str
    to: Party
    amount_minor: int
    currency: str
    text: str

    @property
    def amount(self) -> Decimal:
        """The amount with the currency's decimals, exactly."""
        return Decimal(self.amount_minor).scaleb(-exponent(self.currency))


def csv_file(transfers: Sequence[Transfer]) -> bytes:
    """UTF-8 after RFC 4180. A cell that a spreadsheet would read as a formula begins with an apostrophe."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for each in transfers:
        row = (each.id, each.to.name, each.to.iban, each.to.bic or "", f"{each.amount:f}", each.currency, each.text)
        writer.writerow([harmless(cell) for cell in row])
    return text.getvalue().encode()


def harmless(cell: str) -> str:
    """The cell as no spreadsheet runs it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def pain001(message_id: str, created_at: datetime, day: date, debtor: Party, transfers: Sequence[Transfer]) -> bytes:
    """A customer credit transfer initiation: one group for each currency, one transaction for each transfer, due on `day`.

    `message_id` is at most 33 characters, so that a group's number still fits into an identifier's 35.
    """
    document = ET.Element("Document", xmlns=NAMESPACE)
    root = ET.SubElement(document, "CstmrCdtTrfInitn")
    header = ET.SubElement(root, "GrpHdr")
    _text(header, "MsgId", message_id)
    _text(header, "CreDtTm", created_at.isoformat(timespec="seconds"))
    _totals(header, transfers)
    _text(_inside(header, "InitgPty"), "Nm", _name(debtor))
    for number, currency in enumerate(sorted({each.currency for each in transfers}), 1):
        group = [each for each in transfers if each.currency == currency]
        _group(ET.SubElement(root, "PmtInf"), f"{message_id}-{number}", day, debtor, group)
    ET.indent(document)
    written: bytes = ET.tostring(document, encoding="UTF-8", xml_declaration=True)
    return written


def _group(group: ET.Element, id_: str, day: date, debtor: Party, transfers: Sequence[Transfer]) -> None:
    _text(group, "PmtInfId", id_)
    _text(group, "PmtMtd", "TRF")
    _totals(group, transfers)
    _text(_inside(group, "ReqdExctnDt"), "Dt", day.isoformat())
    _text(_inside(group, "Dbtr"), "Nm", _name(debtor))
    _account(group, "DbtrAcct", debtor)
    _agent(group, "DbtrAgt", debtor)
    _text(group, "ChrgBr", "SLEV" if transfers[0].currency == "EUR" else "SHAR")  # the euro's scheme knows only the first
    for each in transfers:
        _transfer(ET.SubElement(group, "CdtTrfTxInf"), each)


def _transfer(part: ET.Element, transfer: Transfer) -> None:
    _text(_inside(part, "PmtId"), "EndToEndId", transfer.id)
    amount = _text(_inside(part, "Amt"), "InstdAmt", f"{transfer.amount:f}")
    amount.set("Ccy", transfer.currency)
    _agent(part, "CdtrAgt", transfer.to)
    _text(_inside(part, "Cdtr"), "Nm", _name(transfer.to))
    _account(part, "CdtrAcct", transfer.to)
    _text(_inside(part, "RmtInf"), "Ustrd", _clean(transfer.text)[:_LONGEST_TEXT] or transfer.id)


def _totals(part: ET.Element, transfers: Sequence[Transfer]) -> None:
    _text(part, "NbOfTxs", str(len(transfers)))
    _text(part, "CtrlSum", f"{sum((each.amount for each in transfers), Decimal(0)):f}")


def _agent(part: ET.Element, tag: str, party: Party) -> None:
    institution = _inside(_inside(part, tag), "FinInstnId")
    if party.bic is not None:
        _text(institution, "BICFI", party.bic)
    else:
        _text(_inside(institution, "Othr"), "Id", "NOTPROVIDED")


def _account(part: ET.Element, tag: str, party: Party) -> None:
    _text(_inside(_inside(part, tag), "Id"), "IBAN", party.iban)


def _inside(part: ET.Element, tag: str) -> ET.Element:
    return ET.SubElement(part, tag)


def _text(part: ET.Element, tag: str, text: str) -> ET.Element:
    element = ET.SubElement(part, tag)
    element.text = text
    return element


def _name(party: Party) -> str:
    return _clean(party.name)[:_LONGEST_NAME].strip() or "NOTPROVIDED"


def _clean(text: str) -> str:
    """Without what XML cannot hold, on one line."""
    return " ".join(_NOT_IN_XML.sub(" ", text).split())
