"""The cards this gateway knows. Every other number is refused, neither kept nor logged."""

import re
from dataclasses import dataclass
from datetime import date, datetime

MONTHS = 12
_DIGITS = re.compile(r"[0-9]{12,19}")
_EXPIRY = re.compile(r"([0-9]{1,2}) ?[/-] ?([0-9]{2}|20[0-9]{2})")
_CVC = re.compile(r"[0-9]{3,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A test card and what happens to a payment made with it."""

    number: str
    brand: str = "visa"
    failure_code: str | None = None
    three_ds: bool = False
    delayed: bool = False

    @property
    def last4(self) -> str:
        """All that is kept of the number."""
        return self.number[-4:]

    @property
    def spaced(self) -> str:
        """The number as it is printed on a card."""
        return " ".join(self.number[i : i + 4] for i in range(0, len(self.number), 4))


CARDS = {
    card.number: card
    for card in (
        Card(number="4242424242424242"),
        Card(number="5555555555554444", brand="mastercard"),
        Card(number="9792030394440796", brand="troy"),
        Card(number="4000000000000002", failure_code="card_declined"),
        Card(number="4000000000009995", failure_code="insufficient_funds"),
        Card(number="4000000000000069", failure_code="expired_card"),
        Card(number="4000000000000127", failure_code="incorrect_cvc"),
        Card(number="4000000000009987", failure_code="lost_card"),
        Card(number="4000000000009979", failure_code="stolen_card"),
        Card(number="4000000000000119", failure_code="processing_error"),
        Card(number="4000002500003155", three_ds=True),
        Card(number="4000008260003178", three_ds=True, failure_code="card_declined"),
        Card(number="4000000000000077", delayed=True),
    )
}


CARD_ENDING = {card.last4: card for card in CARDS.values()}
"""The test card by its last four digits: these are unique among them, so no more of a number need ever be kept."""


def digits_of(text: str) -> str:
    """The number without the spaces and hyphens people type into it."""
    return re.sub(r"[ -]", "", text.strip())


def is_card_number(digits: str) -> bool:
    """Whether it could be a card's number: ASCII digits whose last one is the right check digit (Luhn, ISO/IEC 7812-1)."""
    if not _DIGITS.fullmatch(digits):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004 - the digit sum of 10..18 is the number less nine
    return total % 10 == 0


def expiry_of(text: str) -> date | None:
    """The first day of the month written as MM/YY or MM/YYYY, or None when it is no such thing."""
    match = _EXPIRY.fullmatch(text.strip())
    if match is None or not 1 <= int(match[1]) <= MONTHS:
        return None
    return date(2000 + int(match[2][-2:]), int(match[1]), 1)


def is_past(expiry: date, now: datetime) -> bool:
    """A card is good until its month is over."""
    return (expiry.year, expiry.month) < (now.year, now.month)


def is_cvc(text: str) -> bool:
    """Three or four ASCII digits; any will do."""
    return _CVC.fullmatch(text.strip()) is not None
