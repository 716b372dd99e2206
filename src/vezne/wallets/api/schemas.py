"""What the wallets' API takes and answers."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field

from vezne.kernel.http import RequestModel
from vezne.kernel.ids import PublicId, public_id
from vezne.kernel.money import AmountMinor, Currency
from vezne.wallets.kinds import KindName, LotType
from vezne.wallets.models import (
    MAIN,
    Holdings,
    HoldStatus,
    Lot,
    Reference,
    TransactionStatus,
    Wallet,
    WalletHold,
    WalletStatus,
    WalletTransaction,
)

WalletId = Annotated[UUID, PublicId("wal")]
CustomerId = Annotated[UUID, PublicId("cus")]
TransactionId = Annotated[UUID, PublicId("txn")]
HoldId = Annotated[UUID, PublicId("hld")]
LotId = Annotated[UUID, PublicId("lot")]

_EARLIEST, _LATEST = 1900, 9900


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    message = "a time is ISO 8601 text with an offset, such as 2026-03-01T12:00:00Z"
    if not isinstance(value, str) or "T" not in value.upper():
        raise ValueError(message)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(message) from None
    if moment.tzinfo is None or not _EARLIEST <= moment.year <= _LATEST:
        raise ValueError(message)
    return moment.astimezone(UTC)


Moment = Annotated[datetime, BeforeValidator(_moment), Field(examples=["2026-03-01T12:00:00Z"])]
Metadata = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=40)], Annotated[str, Field(max_length=500)]],
    Field(max_length=50, description="the caller's own names and values, kept as they are"),
]
Description = Annotated[str, Field(max_length=500)]
Label = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", examples=["savings"])]


class ReferenceIn(RequestModel):
    """What a transaction is about."""

    type: str = Field(min_length=1, max_length=40, examples=["meal"])
    id: str = Field(min_length=1, max_length=200, examples=["lunch-2026-03-01"])


def reference_of(given: ReferenceIn | None) -> Reference | None:
    """A reference as the slice has it."""
    return None if given is None else Reference(given.type, given.id)


class OpenWalletIn(RequestModel):
    """A wallet to open."""

    customer_id: CustomerId
    kind: KindName = "money"
    currency: Currency
    label: Label = Field(MAIN, description="tells the customer's wallets of this kind and currency apart")


class _MoveIn(RequestModel):
    amount_minor: AmountMinor
    currency: Currency
    reference: ReferenceIn | None = None
    once: bool = Field(False, description="happens at most once for the wallet and `reference`; again answers the first one")
    description: Description = ""
    metadata: Metadata = Field(default_factory=dict)


class CreditIn(_MoveIn):
    """Value to put into a wallet. `type`, `origin` and `expires_at` are for kinds that keep lots."""

    type: LotType | None = Field(None, description="what kind of grant it is; default: purchased")
    origin: str | None = Field(None, max_length=200, description="where it comes from")
    expires_at: Moment | None = Field(None, description="when it lapses; default: as its kind says")


class DebitIn(_MoveIn):
    """Value to take out of a wallet."""


class TransferIn(_MoveIn):
    """Value to take out of one wallet and put into another of the same kind and currency; its kind says to whose."""

    from_wallet_id: WalletId
    to_wallet_id: WalletId


class BatchCreditIn(CreditIn):
    """A credit in a batch."""

    move: Literal["credit"]
    wallet_id: WalletId


class BatchDebitIn(DebitIn):
    """A debit in a batch."""

    move: Literal["debit"]
    wallet_id: WalletId


class BatchTransferIn(TransferIn):
    """A transfer in a batch."""

    move: Literal["transfer"]


class BatchIn(RequestModel):
    """Up to 10,000 moves, done in their order in one transaction, each with its own outcome."""

    moves: list[Annotated[BatchCreditIn | BatchDebitIn | BatchTransferIn, Field(discriminator="move")]] = Field(
        min_length=1, max_length=10_000
    )


class LimitsIn(RequestModel):
    """Changes of a wallet; what is not given stays. A limit of null: the tenant's applies."""

    status: WalletStatus | None = Field(None, description="frozen: nothing goes out; closed: an empty wallet nothing goes into")
    refuse_credits: bool = Field(False, description="with `status` frozen: nothing goes in either")
    max_transaction_minor: AmountMinor | None = None
    max_daily_minor: AmountMinor | None = None
    max_daily_transactions: int | None = Field(None, ge=1, le=2**31 - 1)
    low_balance_minor: AmountMinor | None = Field(None, description="the wallet tells when it falls below this")


class HoldIn(RequestModel):
    """Value to reserve."""

    amount_minor: AmountMinor
    currency: Currency
    expires_at: Moment | None = Field(None, description="default: in seven days; at most 90 days ahead")
    reference: ReferenceIn | None = None
    description: Description = ""
    metadata: Metadata = Field(default_factory=dict)


class CaptureIn(RequestModel):
    """How much of a hold to take."""

    amount_minor: AmountMinor | None = Field(None, description="default: all that is held")
    final: bool = Field(True, description="gives the rest free; false: it stays held")


class RefundIn(RequestModel):
    """How much of a debit to give back."""

    amount_minor: AmountMinor | None = Field(None, description="default: all that has not been given back")
    reference: ReferenceIn | None = Field(None, description="default: the debit's")
    description: Description = ""
    metadata: Metadata = Field(default_factory=dict)


class ReferenceOut(BaseModel):
    """What a transaction is about."""

    type: str
    id: str


class TransactionOut(BaseModel):
    """A change of a wallet's balance; it is never changed."""

    id: TransactionId
    wallet_id: WalletId
    type: Literal["credit", "debit"]
    kind: str = Field(description="credit, debit, transfer, capture, refund, expiry or reversal")
    amount_minor: int
    currency: str
    balance_after_minor: int
    reference: ReferenceOut | None
    status: TransactionStatus
    refunded_minor: int
    description: str
    metadata: dict[str, str]
    counterpart_wallet_id: WalletId | None = Field(description="the other side of a transfer")
    refunds_transaction_id: TransactionId | None = Field(
        description="the debit that this gives back, or the credit it takes back"
    )
    created_at: datetime

    @classmethod
    def of(cls, transaction: WalletTransaction) -> Self:
        """As the API shows it."""
        return cls.model_validate(transaction_body(transaction))


def transaction_body(transaction: WalletTransaction) -> dict[str, Any]:
    """`TransactionOut` as plain values, for answers that are encoded without pydantic."""
    reference = transaction.reference
    return {
        "id": public_id("txn", transaction.id),
        "wallet_id": public_id("wal", transaction.wallet_id),
        "type": transaction.type,
        "kind": transaction.kind,
        "amount_minor": transaction.amount.minor,
        "currency": transaction.amount.currency,
        "balance_after_minor": transaction.balance_after_minor,
        "reference": None if reference is None else {"type": reference.type, "id": reference.id},
        "status": transaction.status,
        "refunded_minor": transaction.refunded_minor,
        "description": transaction.description,
        "metadata": transaction.metadata,
        "counterpart_wallet_id": None if transaction.counterpart is None else public_id("wal", transaction.counterpart),
        "refunds_transaction_id": None if transaction.refunds is None else public_id("txn", transaction.refunds),
        "created_at": transaction.created_at,
    }


class RefusedOut(BaseModel):
    """Why a move of a batch was not done."""

    code: str
    detail: str


class BatchLineOut(BaseModel):
    """What became of one move of a batch."""

    status: Literal["done", "refused"]
    transaction: TransactionOut | None
    error: RefusedOut | None


class BatchOut(BaseModel):
    """What became of a batch, in its order."""

    done: int
    refused: int
    data: list[BatchLineOut]


class LotOut(BaseModel):
    """A grant in which something is left."""

    id: LotId
    type: LotType
    origin: str
    amount_minor: int
    remaining_minor: int
    held_minor: int
    granted_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, lot: Lot) -> Self:
        """As the API shows it."""
        return cls(
            id=lot.id,
            type=lot.type,
            origin=lot.origin,
            amount_minor=lot.amount_minor,
            remaining_minor=lot.remaining_minor,
            held_minor=lot.held_minor,
            granted_at=lot.granted_at,
            expires_at=lot.expires_at,
        )


class LimitsOut(BaseModel):
    """A wallet's own limits; null: the tenant's apply."""

    max_transaction_minor: int | None
    max_daily_minor: int | None
    max_daily_transactions: int | None


class BalanceAtOut(BaseModel):
    """What the balance was at a time."""

    at: datetime
    balance_minor: int


class WalletOut(BaseModel):
    """A customer's stored value of one kind in one currency. Amounts are minor units."""

    id: WalletId
    customer_id: CustomerId
    kind: KindName
    currency: str
    label: str
    status: WalletStatus
    balance_minor: int
    held_minor: int = Field(description="of the balance, reserved by holds")
    available_minor: int = Field(description="what can be spent now")
    lapsed_minor: int = Field(description="of the balance, in lots that have lapsed and will be written off")
    limits: LimitsOut
    low_balance_minor: int | None
    created_at: datetime

    @classmethod
    def of(cls, wallet: Wallet, holdings: Holdings) -> Self:
        """As the API shows it."""
        return cls(
            id=wallet.id,
            customer_id=wallet.customer_id,
            kind=wallet.kind_name,
            currency=wallet.currency,
            label=wallet.label,
            status=wallet.status,
            balance_minor=holdings.balance,
            held_minor=holdings.held,
            available_minor=holdings.available,
            lapsed_minor=holdings.lapsed,
            limits=LimitsOut(
                max_transaction_minor=wallet.limits.transaction_minor,
                max_daily_minor=wallet.limits.daily_minor,
                max_daily_transactions=wallet.limits.daily_transactions,
            ),
            low_balance_minor=wallet.low_balance_minor,
            created_at=wallet.created_at,
        )


class WalletDetailOut(WalletOut):
    """A wallet with its lots, in the order in which they are spent, and its balance at a time that was asked for."""

    lots: list[LotOut] = Field(default_factory=list, description="at most the next 100")
    balance_at: BalanceAtOut | None = None


class HoldOut(BaseModel):
    """Value reserved in a wallet."""

    id: HoldId
    wallet_id: WalletId
    status: HoldStatus
    amount_minor: int
    captured_minor: int
    released_minor: int
    remaining_minor: int
    currency: str
    reference: ReferenceOut | None
    description: str
    metadata: dict[str, str]
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, hold: WalletHold) -> Self:
        """As the API shows it."""
        reference = hold.reference
        return cls(
            id=hold.id,
            wallet_id=hold.wallet_id,
            status=hold.status,
            amount_minor=hold.amount.minor,
            captured_minor=hold.captured_minor,
            released_minor=hold.released_minor,
            remaining_minor=hold.remaining_minor,
            currency=hold.amount.currency,
            reference=None if reference is None else ReferenceOut(type=reference.type, id=reference.id),
            description=hold.description,
            metadata=dict(hold.metadata),
            created_at=hold.created_at,
            expires_at=hold.expires_at,
        )


class CaptureOut(BaseModel):
    """A hold after a capture, and the debit it made."""

    hold: HoldOut
    transaction: TransactionOut
