"""What settlements tell those above them."""

from dataclasses import dataclass
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class SettlementMade(Event):
    """A sold line gave its payee a share and the platform its fee."""

    settlement_id: UUID
    line_id: UUID
    order_id: UUID
    payee_id: UUID
    currency: str
    gross_minor: int
    share_minor: int
    fee_minor: int
    reserve_minor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SettlementClawedBack(Event):
    """Part of a sale was taken back, share and fee in proportion."""

    settlement_id: UUID
    line_id: UUID
    payee_id: UUID
    currency: str
    amount_minor: int
    share_minor: int
    fee_minor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SettlementGivenAgain(Event):
    """What was clawed back is given again: the refund it was for failed."""

    settlement_id: UUID
    line_id: UUID
    payee_id: UUID
    currency: str
    amount_minor: int
    share_minor: int
    fee_minor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SettlementReserveReleased(Event):
    """What was kept back of a settlement can be paid out."""

    settlement_id: UUID
    payee_id: UUID
    currency: str
    amount_minor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutRequested(Event):
    """Somebody asks that a payee is paid; somebody else must approve."""

    payout_id: UUID
    payee_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutApproved(Event):
    """A second person agreed."""

    payout_id: UUID
    payee_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutRejected(Event):
    """A second person did not agree; the money is the payee's again."""

    payout_id: UUID
    payee_id: UUID
    amount_minor: int
    currency: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutFiled(Event):
    """It stands in a file for the bank."""

    payout_id: UUID
    payee_id: UUID
    file_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutSent(Event):
    """The bank was told to transfer it."""

    payout_id: UUID
    payee_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutPaid(Event):
    """The payee has the money."""

    payout_id: UUID
    payee_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutFailed(Event):
    """The bank did not transfer it; the money is the payee's again."""

    payout_id: UUID
    payee_id: UUID
    amount_minor: int
    currency: str
    reason: str
