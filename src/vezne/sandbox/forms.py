"""The card form: what was typed, what is wrong with it, and what of it may be shown again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from vezne.sandbox.cards import CARDS, Card, digits_of, expiry_of, is_card_number, is_cvc, is_past
from vezne.sandbox.refusals import Refused

LARGEST_FORM = 8 * 1024
_MOST_FIELDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CardForm:
    """A form that was sent: its `card` when every field is right, else in `errors` the key of each wrong field's message."""

    card: Card | None
    errors: Mapping[str, str]
    shown: Mapping[str, str]
    """What the form is filled with when it is shown again: never a number that is not a test card's, never a security code."""


def read_form(raw: bytes, most_fields: int = _MOST_FIELDS) -> dict[str, str]:
    """The fields of a form body; of a doubled field the last."""
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=most_fields, errors="strict")
    except ValueError:
        raise Refused(400, "invalid_form", "The form could not be read.") from None
    return dict(pairs)


def check_card_form(fields: Mapping[str, str], now: datetime, cards: Mapping[str, Card] = CARDS) -> CardForm:
    """Check all fields at once, so that every mistake is shown together; `cards` are those that are known here."""
    errors: dict[str, str] = {}
    digits = digits_of(fields.get("number", ""))
    card = cards.get(digits)
    if not digits:
        errors["number"] = "number_missing"
    elif card is None:
        errors["number"] = "number_unknown" if is_card_number(digits) else "number_malformed"
    expiry = expiry_of(fields.get("expiry", ""))
    if expiry is None:
        errors["expiry"] = "expiry_malformed"
    elif is_past(expiry, now):
        errors["expiry"] = "expiry_past"
    if not is_cvc(fields.get("cvc", "")):
        errors["cvc"] = "cvc_malformed"
    shown = {"number": card.spaced if card else "", "expiry": expiry.strftime("%m/%y") if expiry else ""}
    return CardForm(card=None if errors else card, errors=errors, shown=shown)
