"""Credits over HTTP: a customer's balance, history, transfers between own wallets, and spent credits given back.

A customer's token asks for its own customer; an API key names one. Credits are whole units.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from vezne import identity
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.money import AmountMinor, Currency
from vezne.kernel.paging import CursorUnknown, Page, PageParams, cursor
from vezne.ledger import ReferenceBusy, ReferenceReused
from vezne.wallets import refusals as says
from vezne.wallets.api.schemas import (
    CustomerId,
    Description,
    Label,
    Metadata,
    Moment,
    ReferenceIn,
    TransactionId,
    WalletId,
    reference_of,
)
from vezne.wallets.kinds import CurrencyNotOfKind
from vezne.wallets.models import MAIN, CreditType, WalletTransaction
from vezne.wallets.operations import credits as operations
from vezne.wallets.operations import wallets

api = router("/v1/credits", "Credits")

Unit = Annotated[Currency | None, Query(description="the unit of the credits; default: the tenant's")]
_OWN = requires("wallets.read", own="own.read")
_LOTS_SHOWN = 100
_STATUS: Mapping[str, Literal["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"]] = {
    "completed": "COMPLETED",
    "partially_refunded": "PARTIALLY_REFUNDED",
    "refunded": "REFUNDED",
}


class WalletCredits(BaseModel):
    """What one of the customer's wallets holds."""

    wallet_id: WalletId
    label: str
    balance_minor: int
    available_minor: int


class LotCredits(BaseModel):
    """Credits that came together, and how long they are good."""

    type: str = Field(description="purchased, membership, promotional or refunded")
    credits: int = Field(description="what can be spent of them")
    expires_at: datetime | None


class CreditBalanceOut(BaseModel):
    """A customer's credits in all wallets of one unit."""

    user_id: CustomerId
    currency: str = Field(description="the unit")
    credits: int = Field(description="what can be spent now")
    balance_minor: int
    held_minor: int = Field(description="of the balance, reserved by holds")
    lapsed_minor: int = Field(description="of the balance, lapsed and not yet written off")
    by_type: dict[str, int] = Field(description="what can be spent, by the type of its grant")
    expiring: list[LotCredits] = Field(description="what lapses, soonest first; at most the next 100")
    wallets: list[WalletCredits]


class CreditRecord(BaseModel):
    """What became of a customer's credits, as written; it is never changed."""

    id: TransactionId
    user_id: CustomerId
    wallet_id: WalletId
    type: CreditType
    direction: Literal["credit", "debit"] = Field(description="whether the wallet gained or lost them")
    amount_minor: int | None = Field(description="what was paid for them, where something was, in minor units of `currency`")
    currency: str | None
    credits: int
    unit: str
    balance_after: int
    status: Literal["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"]
    refunded_credits: int = Field(description="of spent credits what was given back, of granted ones what was taken back")
    refunds_transaction_id: TransactionId | None
    provider_payment_id: str | None = Field(description="the payment at its provider, where credits were bought through one")
    description: str
    metadata: dict[str, str]
    created_at: datetime

    @classmethod
    def of(cls, customer_id: UUID, done: WalletTransaction) -> Self:
        """As the API shows it; what a purchase keeps of its payment stands in its metadata."""
        paid = done.metadata if done.credit_type == "CREDIT_PURCHASE" else {}
        amount = paid.get("amount_minor", "")
        return cls(
            id=done.id,
            user_id=customer_id,
            wallet_id=done.wallet_id,
            type=done.credit_type,
            direction=done.type,
            amount_minor=int(amount) if amount.isascii() and amount.isdigit() else None,
            currency=paid.get("currency"),
            credits=done.amount.minor,
            unit=done.amount.currency,
            balance_after=done.balance_after_minor,
            status=_STATUS[done.status],
            refunded_credits=done.refunded_minor,
            refunds_transaction_id=done.refunds,
            provider_payment_id=paid.get("provider_payment_id"),
            description=done.description,
            metadata=dict(done.metadata),
            created_at=done.created_at,
        )


class HistoryAsked(PageParams):
    """Which records are asked for."""

    customer_id: CustomerId | None = Field(None, description="whose; a customer's token sees its own")
    currency: Currency | None = Field(None, description="the unit of the credits; default: the tenant's")
    label: Label = Field(MAIN, description="which of the customer's wallets")
    type: CreditType | None = None
    since: Moment | None = Field(None, description="not before this time")
    until: Moment | None = Field(None, description="not after this time")


class TransferCreditsIn(RequestModel):
    """Credits to move between two wallets of one customer."""

    customer_id: CustomerId | None = Field(None, description="whose; a customer's token moves its own")
    credits: AmountMinor = Field(description="how many")
    currency: Currency | None = Field(None, description="the unit of the credits; default: the tenant's")
    from_wallet_id: WalletId | None = Field(None, description="default: the customer's main wallet")
    to_wallet_id: WalletId | None = None
    to_label: Label | None = Field(None, description="in place of `to_wallet_id`: the customer's wallet with this label")
    to_customer_id: CustomerId | None = Field(None, description="nobody else than the customer")
    reference: ReferenceIn | None = None
    once: bool = Field(False, description="happens at most once for the wallet and `reference`; again answers the first one")
    description: Description = ""
    metadata: Metadata = Field(default_factory=dict)


class RefundCreditsIn(RequestModel):
    """Spent credits to give back."""

    transaction_id: TransactionId
    credits: AmountMinor | None = Field(None, description="how many; default: all that were not given back")
    reference: ReferenceIn | None = Field(None, description="default: that of the spending")
    description: Description = ""
    metadata: Metadata = Field(default_factory=dict)


@api.get("/balance", dependencies=[_OWN], responses=refusals(identity.CustomerNotFound, identity.CustomerNeeded))
async def get_balance(
    tx: TxDep, customer_id: Annotated[CustomerId | None, Query()] = None, currency: Unit = None
) -> CreditBalanceOut:
    """A customer's credits: what can be spent, of which types, and when it lapses."""
    whose = identity.acting_for(tx, customer_id)
    await identity.customer(tx, whose)
    found = await operations.credit_balance(tx, whose, await operations.unit_of(tx, currency))
    good = [(lot, lot.free_minor) for lot in found.lots if lot.free_minor and not lot.lapsed(tx.now)]
    by_type: dict[str, int] = {}
    for lot, free in good:
        by_type[lot.type] = by_type.get(lot.type, 0) + free
    ends = sorted((lot.expires_at, lot.type, free) for lot, free in good if lot.expires_at is not None)
    return CreditBalanceOut(
        user_id=whose,
        currency=found.unit,
        credits=sum(held.available for _, held in found.wallets),
        balance_minor=sum(held.balance for _, held in found.wallets),
        held_minor=sum(held.held for _, held in found.wallets),
        lapsed_minor=sum(held.lapsed for _, held in found.wallets),
        by_type=by_type,
        expiring=[LotCredits(type=kind, credits=free, expires_at=end) for end, kind, free in ends[:_LOTS_SHOWN]],
        wallets=[
            WalletCredits(wallet_id=each.id, label=each.label, balance_minor=held.balance, available_minor=held.available)
            for each, held in found.wallets
        ],
    )


@api.get("/history", dependencies=[_OWN], responses=refusals(identity.CustomerNotFound, identity.CustomerNeeded, CursorUnknown))
async def get_history(tx: TxDep, asked: Annotated[HistoryAsked, Query()]) -> Page[CreditRecord]:
    """What became of a customer's credits, newest first. With `type`, a page may be short though more follow: `next` says so."""
    whose = identity.acting_for(tx, asked.customer_id)
    await identity.customer(tx, whose)
    found, position = await operations.credit_history(
        tx,
        whose,
        await operations.unit_of(tx, asked.currency),
        asked.label,
        limit=asked.limit,
        before_sequence=asked.number(),
        since=asked.since,
        until=asked.until,
        credit_type=asked.type,
    )
    return Page(
        data=[CreditRecord.of(whose, each) for each in found],
        has_more=position is not None,
        next=None if position is None else cursor(position),
    )


@api.post(
    "/transfer",
    status_code=201,
    dependencies=[requires("wallets.write", own="own.write")],
    responses=refusals(
        identity.CustomerNotFound,
        identity.CustomerNeeded,
        says.WalletMissing,
        says.CreditsInsufficient,
        says.CreditLimitExceeded,
        says.TransferToOtherCustomer,
        says.DestinationUnclear,
        says.SameWallet,
        says.WalletsDiffer,
        says.WalletCurrencyDiffers,
        says.WalletFrozen,
        says.WalletClosed,
        says.TransactionLimitExceeded,
        says.DailyAmountExceeded,
        says.DailyTransactionsExceeded,
        says.ReferenceNeeded,
        CurrencyNotOfKind,
        ReferenceReused,
        ReferenceBusy,
    ),
)
async def transfer_credits(body: TransferCreditsIn, tx: TxDep) -> CreditRecord:
    """Move credits between two wallets of one customer; they keep their type, age and expiry. To nobody else: that is refused."""
    whose = identity.acting_for(tx, body.customer_id, loc=("body", "customer_id"))
    await identity.customer(tx, whose)
    done = await operations.transfer_credits(
        tx,
        operations.AskedTransfer(
            customer_id=whose,
            unit=await operations.unit_of(tx, body.currency),
            units=body.credits,
            from_wallet_id=body.from_wallet_id,
            to_wallet_id=body.to_wallet_id,
            to_label=body.to_label,
            to_customer_id=body.to_customer_id,
            reference=reference_of(body.reference),
            once=body.once,
            description=body.description,
            metadata=body.metadata,
        ),
    )
    return CreditRecord.of(whose, done)


@api.post(
    "/refund",
    status_code=201,
    dependencies=[requires("wallets.write")],
    responses=refusals(
        says.TransactionMissing,
        says.TransactionNotRefundable,
        says.RefundExceedsTransaction,
        says.WalletFrozen,
        says.WalletClosed,
        says.WalletFull,
    ),
)
async def refund_credits(body: RefundCreditsIn, tx: TxDep) -> CreditRecord:
    """Give spent credits, or part of them, back into the very lots they came from; not for a customer's token."""
    done = await operations.refund_credits(
        tx,
        body.transaction_id,
        body.credits,
        reference=reference_of(body.reference),
        description=body.description,
        metadata=body.metadata,
    )
    wallet = await wallets.wallet(tx, done.wallet_id)
    return CreditRecord.of(wallet.customer_id, done)
