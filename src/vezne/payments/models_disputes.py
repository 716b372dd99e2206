"""Disputes as plain values, and which of their moves are legal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class DisputeStatus(StrEnum):
    """Where a dispute stands."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"


DISPUTES_OPEN = frozenset({DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW})
DISPUTE_MOVES: Mapping[DisputeStatus, frozenset[DisputeStatus]] = {
    DisputeStatus.NEEDS_RESPONSE: frozenset(DisputeStatus),  # staying, its reason or its last day may become known
    DisputeStatus.UNDER_REVIEW: frozenset(DisputeStatus),
    DisputeStatus.WON: frozenset(),
    DisputeStatus.LOST: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A payment, or a part of it, that its payer's bank takes back; `reserved_minor` of it can meanwhile not be refunded."""

    id: UUID
    payment_id: UUID
    attempt_id: UUID
    provider: str
    dispute_ref: str
    status: DisputeStatus
    amount_minor: int
    reserved_minor: int
    currency: str
    reason: str
    respond_by: datetime | None
    opened_entry_id: UUID
    ended_entry_id: UUID | None
    look_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
