"""A customer's coins over HTTP: what there is, what became of it, adjusting it, spending it."""

from datetime import datetime
from typing import Annotated

from fastapi import BackgroundTasks, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from vezne import wallets
from vezne.identity import Customer, CustomerNotFound
from vezne.kernel.db import Tx
from vezne.kernel.http import RequestModel, TxDep, keep_instead, refusals, requires, router
from vezne.kernel.ids import public_id
from vezne.kernel.paging import CursorUnknown, Page, PageParams, PageQuery, cursor, page_of
from vezne.rewards import refusals as says
from vezne.rewards.api.fields import (
    Coins,
    CustomerId,
    Description,
    Reason,
    ReferenceId,
    SignedCoins,
    StudentId,
    StudentPath,
    TransactionId,
    VoucherId,
    WalletId,
)
from vezne.rewards.api.vouchers import VoucherRedemptionOut, redemption_shown
from vezne.rewards.issued import count_coins
from vezne.rewards.models.rewards import CoinMove
from vezne.rewards.operations import moving, reading, redeeming

api = router("/v1/coins", "Coins")


_OUT = (wallets.InsufficientFunds, wallets.WalletMissing)


class AdjustmentIn(RequestModel):
    """Coins that staff give or take."""

    student_id: StudentId | None = None
    customer_id: CustomerId | None = None
    amount_minor: SignedCoins
    reason: Reason
    reference_id: ReferenceId | None = Field(None, description="with it: once; the same again answers the first time")


class RedemptionIn(RequestModel):
    """Coins to be spent."""

    student_id: StudentId | None = None
    customer_id: CustomerId | None = None
    amount_minor: Coins | None = Field(None, description="so many, on what `reference_id` names; or name a voucher")
    voucher_id: VoucherId | None = None
    reference_id: ReferenceId | None = Field(None, description="needed with `amount_minor`; the same again: the first time")
    description: Description = ""


class CoinMoveOut(BaseModel):
    """Coins given (positive) or taken."""

    customer_id: CustomerId
    type: str
    reference_id: str
    amount_minor: int
    currency: str
    reason: str
    transaction_id: TransactionId
    balance_minor: int | None = Field(description="what the wallet holds now; null in lists")
    actor: str
    created_at: datetime


class RedemptionOut(BaseModel):
    """Coins that were spent."""

    customer_id: CustomerId
    type: str = Field(description="redemption, or voucher")
    reference_id: str
    amount_minor: int = Field(description="negative")
    currency: str
    transaction_id: TransactionId
    balance_minor: int = Field(description="what the wallet holds now")
    redemption: VoucherRedemptionOut | None = Field(description="the voucher and its code, where one was redeemed")
    created_at: datetime


class CoinsOut(BaseModel):
    """A customer's coins, in whole coins of `currency`."""

    student_id: str | None
    customer_id: CustomerId
    wallet_id: WalletId | None = Field(description="null: nothing was ever put in")
    currency: str
    balance_minor: int
    held_minor: int
    available_minor: int = Field(description="what can be spent now")
    pending_minor: int = Field(description="rewards that wait for their activation")
    owed_minor: int = Field(description="taken off the next rewards: what was missing when earlier ones were taken back")


class CoinTransactionOut(BaseModel):
    """One change of a customer's coins; nothing ever changes it."""

    id: TransactionId
    type: str = Field(description="credit or debit")
    kind: str = Field(description="credit, debit, capture, refund, expiry, reversal")
    reference_type: str | None = Field(description="course_completion, referral, streak, adjustment, redemption, …")
    reference_id: str | None
    amount_minor: int
    balance_after_minor: int
    currency: str
    description: str
    created_at: datetime


class AdjustmentFilters(PageParams):
    """Which adjustments are asked for."""

    customer_id: CustomerId | None = None


@api.post(
    "/adjustments",
    status_code=201,
    dependencies=[requires("rewards.write")],
    responses=refusals(
        says.CustomerNotNamed,
        CustomerNotFound,
        says.AdjustmentEmpty,
        says.CoinReferenceReused,
        *_OUT,
    ),
)
async def post_adjustment(body: AdjustmentIn, tx: TxDep, after: BackgroundTasks) -> CoinMoveOut:
    """Give coins, or take them, for a reason; a wallet never falls below zero. Needs `rewards.write`."""
    customer = await reading.named(tx, body.student_id, body.customer_id)
    made = await moving.adjust(tx, customer.id, body.amount_minor, reason=body.reason, reference=body.reference_id)
    if made.amount_minor > 0 and made.created_at == tx.now:
        after.add_task(count_coins, "adjustment", made.amount_minor)
    return move_shown(made, (await reading.coins_of(tx, customer)).balance_minor)


@api.get("/adjustments", dependencies=[requires("rewards.read")], responses=refusals(CursorUnknown))
async def list_adjustments(tx: TxDep, asked: Annotated[AdjustmentFilters, Query()]) -> Page[CoinMoveOut]:
    """Adjustments with who made them and why, newest first."""
    found = await moving.moves(
        tx, type_="adjustment", customer_id=asked.customer_id, before=asked.id_of("txn"), limit=asked.limit + 1
    )
    return page_of(found, asked, move_shown, lambda move: public_id("txn", move.transaction_id))


@api.post(
    "/redemptions",
    status_code=201,
    dependencies=[requires("rewards.write", own="own.write")],
    responses=refusals(
        *_OUT,
        says.CustomerNotNamed,
        CustomerNotFound,
        says.CoinReferenceReused,
        says.RedemptionUnclear,
        says.VoucherUnknown,
        says.VoucherNotOffered,
        says.VoucherSoldOut,
        says.VoucherLimitReached,
        says.VoucherRedemptionReused,
    ),
)
async def post_redemption(body: RedemptionIn, tx: TxDep, request: Request) -> RedemptionOut:
    """Spend coins on something of your own, or on a voucher; once for the customer and `reference_id`.

    Again answers the first time. A customer's token redeems vouchers only.
    A voucher's code is in the answer, but not in the one that an Idempotency-Key keeps.
    """
    if body.voucher_id is None:
        tx.principal.demand("rewards.write")
    customer = await reading.named(tx, body.student_id, body.customer_id)
    if body.voucher_id is None:
        return await _spent(tx, customer, body)
    if body.amount_minor is not None:
        raise says.RedemptionUnclear(loc=("body", "amount_minor"))
    made = await redeeming.redeem_voucher(tx, customer.id, body.voucher_id, reference=body.reference_id)
    answer = RedemptionOut(
        customer_id=customer.id,
        type="voucher",
        reference_id=made.reference,
        amount_minor=-made.price_minor,
        currency=made.currency,
        transaction_id=made.transaction_id,
        balance_minor=(await reading.coins_of(tx, customer)).balance_minor,
        redemption=redemption_shown(made),
        created_at=made.created_at,
    )
    keep_instead(request, answer)
    code = await redeeming.code_of(tx, made.id)
    return answer.model_copy(update={"redemption": redemption_shown(made, code)})


@api.get(
    "/{student_id}",
    dependencies=[requires("rewards.read", own="own.read")],
    responses=refusals(says.StudentUnknown),
)
async def get_coins(student_id: StudentPath, tx: TxDep) -> CoinsOut:
    """What a customer has of the tenant's coins, will have, and owes."""
    coins = await reading.coins_of(tx, await reading.known(tx, student_id))
    return CoinsOut(
        student_id=coins.customer.reference,
        customer_id=coins.customer.id,
        wallet_id=None if coins.wallet is None else coins.wallet.id,
        currency=coins.currency,
        balance_minor=coins.balance_minor,
        held_minor=coins.held_minor,
        available_minor=coins.available_minor,
        pending_minor=coins.pending_minor,
        owed_minor=coins.owed_minor,
    )


@api.get(
    "/{student_id}/transactions",
    dependencies=[requires("rewards.read", own="own.read")],
    responses=refusals(says.StudentUnknown, CursorUnknown),
)
async def get_coin_transactions(student_id: StudentPath, page: PageQuery, tx: TxDep) -> Page[CoinTransactionOut]:
    """A customer's coins in and out, newest first. A page stays right while new ones arrive."""
    coins = await reading.coins_of(tx, await reading.known(tx, student_id))
    before = page.number()
    if coins.wallet is None:
        return Page(data=[], has_more=False, next=None)
    found, more = await wallets.history(tx, coins.wallet, limit=page.limit, before_sequence=before)
    return Page(
        data=[_transaction(each) for each in found], has_more=more is not None, next=None if more is None else cursor(more)
    )


async def _spent(tx: Tx, customer: Customer, body: RedemptionIn) -> RedemptionOut:
    if body.amount_minor is None:
        raise says.RedemptionUnclear(loc=("body", "amount_minor"))
    if body.reference_id is None:
        raise says.RedemptionUnclear(loc=("body", "reference_id"))
    made = await moving.redeem(tx, customer.id, body.amount_minor, reference=body.reference_id, description=body.description)
    return RedemptionOut(
        customer_id=customer.id,
        type=made.type,
        reference_id=made.reference,
        amount_minor=made.amount_minor,
        currency=made.currency,
        transaction_id=made.transaction_id,
        balance_minor=(await reading.coins_of(tx, customer)).balance_minor,
        redemption=None,
        created_at=made.created_at,
    )


def move_shown(move: CoinMove, balance_minor: int | None = None) -> CoinMoveOut:
    """Coins given or taken, as the API shows them."""
    facts = {name: getattr(move, name) for name in CoinMoveOut.model_fields if hasattr(move, name)}
    return CoinMoveOut(**facts, reference_id=move.reference, balance_minor=balance_minor)


def _transaction(each: wallets.WalletTransaction) -> CoinTransactionOut:
    return CoinTransactionOut(
        id=each.id,
        type=each.type,
        kind=each.kind,
        reference_type=None if each.reference is None else each.reference.type,
        reference_id=None if each.reference is None else each.reference.id,
        amount_minor=each.amount.minor,
        balance_after_minor=each.balance_after_minor,
        currency=each.amount.currency,
        description=each.description,
        created_at=each.created_at,
    )
