"""Alerts: customers whose activity is unusual, for a person to look at and decide; and the table of what is unusual.

An alert changes nothing for its customer by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from vezne.kernel.errors import Conflict, NotFound

CountedRule = Literal["many_declines", "many_refunds", "rapid_spending", "large_spending"]
"""The rules whose numbers a tenant may change; guessing has a limit of its own, and its rule follows that."""
RuleName = Literal[CountedRule, "promo_guessing"]
AlertStatus = Literal["open", "dismissed", "confirmed"]
Decision = Literal["dismissed", "confirmed"]

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class AlertUnknown(NotFound):
    """There is no alert {alert_id}."""


class AlertDecidedAlready(Conflict):
    """Alert {alert_id} is {status} already."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """What is counted of a customer, in the last how long, and from how many on it is unusual."""

    counts: str
    window: timedelta
    threshold: int


RULES: Mapping[RuleName, AlertRule] = MappingProxyType(
    {
        "many_declines": AlertRule("declined attempts to pay", _HOUR, 5),
        "many_refunds": AlertRule("refunds asked for", _DAY, 5),
        "promo_guessing": AlertRule("promo codes named that are none", _MINUTE, 10),
        "rapid_spending": AlertRule("debits, captures and transfers out of one wallet", 10 * _MINUTE, 31),
        "large_spending": AlertRule("how many times the wallet's average debit one debit is", 30 * _DAY, 10),
    }
)
"""What is unusual. A tenant's `alert_thresholds` replace the numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A customer's activity was unusual. `subject` is the public id of what it is about, or empty."""

    id: UUID
    customer_id: UUID
    rule: str
    subject: str
    facts: Mapping[str, Any]
    status: AlertStatus
    raised_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    note: str
