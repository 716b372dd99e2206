"""Settlements: what payees are owed for what was sold for them, the platform's commission, and how payees are paid.

A sold line is settled once: out of `unapplied` the payee gets its share and the platform its fee. A refund claws back in
proportion. Payouts, asked for by one person and approved by another, pay whole settlements net of claw-backs.
"""

from vezne.settlements.events import SettlementClawedBack, SettlementGivenAgain, SettlementMade, SettlementReserveReleased
from vezne.settlements.models import ClawBack, Move, Owed, Sale, Settlement, SettlementStatus
from vezne.settlements.operations.auditing import audit
from vezne.settlements.operations.owing import owed, owed_in_all
from vezne.settlements.operations.releasing import release_due
from vezne.settlements.operations.settling import claw_back, settle, settle_all, settle_more, settlement_of
from vezne.settlements.refusals import (
    CauseReused,
    ClawBackEmpty,
    ClawBackTooLarge,
    GivenAgainTooMuch,
    SettledOtherwise,
    UnknownSettlement,
)

__all__ = [
    "CauseReused",
    "ClawBack",
    "ClawBackEmpty",
    "ClawBackTooLarge",
    "GivenAgainTooMuch",
    "Move",
    "Owed",
    "Sale",
    "SettledOtherwise",
    "Settlement",
    "SettlementClawedBack",
    "SettlementGivenAgain",
    "SettlementMade",
    "SettlementReserveReleased",
    "SettlementStatus",
    "UnknownSettlement",
    "audit",
    "claw_back",
    "owed",
    "owed_in_all",
    "release_due",
    "settle",
    "settle_all",
    "settle_more",
    "settlement_of",
]
