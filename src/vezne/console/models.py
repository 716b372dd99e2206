"""What the console's pages share: the menu, and the colour of each status, which never stands without its text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vezne.kernel.principal import Principal

Tone = Literal["good", "bad", "wait", "quiet"]

TONES: Mapping[str, Tone] = {
    "paid": "good",
    "fulfilled": "good",
    "succeeded": "good",
    "captured": "good",
    "consumed": "good",
    "checked_in": "good",
    "going": "good",
    "active": "good",
    "open": "good",
    "valid": "good",
    "due": "good",
    "failed": "bad",
    "mismatched": "bad",
    "rejected": "bad",
    "sold_out": "bad",
    "amount_mismatch": "bad",
    "paid_twice": "bad",
    "pending": "wait",
    "waiting": "wait",
    "requires_payment": "wait",
    "requires_action": "wait",
    "processing": "wait",
    "authorised": "wait",
    "starting": "wait",
    "held": "wait",
    "requested": "wait",
    "approved": "wait",
    "sent": "wait",
    "in_payout": "wait",
    "reserved": "wait",
    "accepted": "wait",
    "invited": "wait",
    "under_way": "wait",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the menu."""

    name: str
    path: str
    permission: str
    platform_only: bool = False
    """Whether it is about the whole tenant, so that nobody who belongs to one payee sees it."""

    def is_for(self, principal: Principal) -> bool:
        """Whether somebody may go there."""
        return principal.may(self.permission) and not (self.platform_only and principal.payee_id is not None)


PLACES = (
    Place("orders", "/orders", "orders.read"),
    Place("reservations", "/reservations", "bookings.read"),
    Place("checkin", "/check-in", "checkin.write"),
    Place("payments", "/payments", "payments.read"),
    Place("settlements", "/settlements", "settlements.read"),
    Place("payouts", "/payouts", "settlements.read"),
    Place("staff", "/staff", "staff.manage", platform_only=True),
)


_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Version", "Safari"))
_SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS", "Linux")


def browser(client: str) -> str:
    """A browser as people call it, of what it says of itself; empty when it says nothing that is known."""
    for mark, name in _BROWSERS:
        found = re.search(rf"\b{mark}/(\d{{1,4}})", client)
        if found:
            system = next((each for each in _SYSTEMS if each in client), "")
            return f"{name} {found[1]}" + (f" · {system}" if system else "")
    return ""


def tone(status: str) -> Tone:
    """The colour of a status; `quiet` for what is over and of no consequence."""
    return TONES.get(status, "quiet")
