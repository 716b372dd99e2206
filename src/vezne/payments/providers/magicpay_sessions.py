"""MagicPay's demo as plain values: sessions, the cards it knows and what becomes of them. Amounts are minor units."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from vezne.kernel.errors import Conflict, Invalid, NotFound
from vezne.kernel.money import Money
from vezne.payments.tenant_texts import tenant_number, tenant_text

DELAY = timedelta(seconds=5)
"""So long delayed money is on its way, by the tenant's clock."""

_REF = re.compile(r"(session|mref)_([0-9a-hjkmnp-tv-z]{1,12})_([0-9a-f]{32})", re.ASCII)
_NOT_DIGITS = re.compile(r"[ -]")
_EXPIRY = re.compile(r"(0?[1-9]|1[0-2]) ?[/-] ?([0-9]{2}|20[0-9]{2})", re.ASCII)
_CVC = re.compile(r"[0-9]{3,4}", re.ASCII)


class MagicPaySessionUnknown(NotFound):
    """There is no payment session {session_id}."""


class MagicPaySessionDecided(Conflict):
    """Payment session {session_id} is {status} already."""


class CardUnknown(Invalid):
    """This demo knows its documented test cards only; this is none of them."""


class SessionStatus(StrEnum):
    """Where a session stands."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a session: paid, paid after DELAY, or failed with a code."""

    failure_code: str | None = None
    delayed: bool = False


PAID, DELAYED, DECLINED = Outcome(), Outcome(delayed=True), Outcome("card_declined")

CARDS: Mapping[str, Outcome] = MappingProxyType(
    {
        "4242424242424242": PAID,
        "5555555555554444": PAID,
        "9792030394440796": PAID,
        "4000000000000002": DECLINED,
        "4000000000009995": Outcome("insufficient_funds"),
        "4000000000000069": Outcome("expired_card"),
        "4000000000000127": Outcome("incorrect_cvc"),
        "4000000000000119": Outcome("processing_error"),
        "4000000000000077": DELAYED,
    }
)
"""The cards the demo knows, and what becomes of a payment with each."""

AMOUNTS: Mapping[int, Outcome] = MappingProxyType(
    {
        400_002: DECLINED,
        409_995: Outcome("insufficient_funds"),
        400_119: Outcome("processing_error"),
        400_077: DELAYED,
    }
)
"""Amounts (minor units) with an outcome of their own, where the card would be good."""


def outcome_of(amount_minor: int, card: str) -> Outcome:
    """What becomes of a payment of this amount with this card. Raises CardUnknown."""
    found = CARDS.get(_NOT_DIGITS.sub("", card.strip()))
    if found is None:
        raise CardUnknown(loc=("body", "number"))
    return AMOUNTS.get(amount_minor, PAID) if found is PAID else found


def card_fields_wrong(fields: Mapping[str, str], now: datetime) -> dict[str, str]:
    """What is wrong with each field of the card page's form; nothing when all is well. Every mistake is told together."""
    wrong: dict[str, str] = {}
    number = _NOT_DIGITS.sub("", fields.get("number", "").strip())
    if not number:
        wrong["number"] = "missing"
    elif number not in CARDS:
        wrong["number"] = "unknown"
    expiry = _EXPIRY.fullmatch(fields.get("expiry", "").strip())
    if expiry is None:
        wrong["expiry"] = "malformed"
    elif (2000 + int(expiry[2][-2:]), int(expiry[1])) < (now.year, now.month):
        wrong["expiry"] = "past"
    if not _CVC.fullmatch(fields.get("cvc", "").strip()):
        wrong["cvc"] = "malformed"
    return wrong


def spaced(number: str) -> str:
    """A card's number as it is printed on the card."""
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def last4_of(card: str) -> str:
    """All that is kept of a card's number."""
    return _NOT_DIGITS.sub("", card.strip())[-4:]


def new_ref(noun: str, tenant_id: int) -> str:
    """The name of a session or a refund: it says whose it is, and nobody can guess it."""
    return f"{noun}_{tenant_text(tenant_id)}_{secrets.token_hex(16)}"


def tenant_of_ref(noun: str, ref: str) -> int | None:
    """Whose session or refund this is; None when it is no such name."""
    match = _REF.fullmatch(ref)
    return tenant_number(match[2]) if match is not None and match[1] == noun else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSession:
    """One payment at the demo. Each move returns the session as it then is."""

    id: str
    reference: str
    amount_minor: int
    currency: str
    status: SessionStatus
    failure_code: str | None = None
    card_last4: str | None = None
    refunded_minor: int = 0
    return_url: str
    locale: str
    created_at: datetime
    settles_at: datetime | None = None

    @property
    def amount(self) -> Money:
        """What is to be paid."""
        return Money(self.amount_minor, self.currency)

    def at(self, now: datetime) -> Self:
        """The session as it stands at `now`: delayed money has arrived by then, or has not."""
        if self.settles_at is None or now < self.settles_at:
            return self
        return replace(self, status=SessionStatus.PAID, settles_at=None)

    def play(self, outcome: Outcome, now: datetime, card_last4: str | None) -> Self:
        """What `outcome` makes of an open session; one that was decided stays as it is."""
        if self.status is not SessionStatus.OPEN:
            return self
        shown = replace(self, card_last4=card_last4)
        if outcome.failure_code is not None:
            return replace(shown, status=SessionStatus.FAILED, failure_code=outcome.failure_code)
        if outcome.delayed:
            return replace(shown, status=SessionStatus.PROCESSING, settles_at=now + DELAY)
        return replace(shown, status=SessionStatus.PAID)

    def cancel(self) -> Self:
        """Nobody is to pay here any more; one that was decided stays as it is."""
        return replace(self, status=SessionStatus.CANCELLED) if self.status is SessionStatus.OPEN else self


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRefund:
    """Money given back at the demo, at once."""

    id: str
    session_id: str
    reference: str
    amount_minor: int
    currency: str
    created_at: datetime
