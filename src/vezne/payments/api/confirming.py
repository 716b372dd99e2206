"""Staff say what came in cash or by bank transfer, and what they gave back."""

from pydantic import Field
from starlette.requests import Request

from vezne.kernel.http import RequestModel, TxDep, refusals, router
from vezne.kernel.money import AmountMinor, Currency, Money
from vezne.payments import queries
from vezne.payments.api.payments import PaymentId, PaymentOut, RefundId, RefundOut, shown_payment, shown_refund
from vezne.payments.gateways import Gateways
from vezne.payments.models import Payment
from vezne.payments.operations import confirming, refunding, settling

payments_api = router("/v1/payments", "payments", permission="payments.confirm")
refunds_api = router("/v1/refunds", "payments", permission="payments.confirm")


class ConfirmationIn(RequestModel):
    """What came, as staff saw it."""

    received_minor: AmountMinor
    currency: Currency
    note: str = Field("", max_length=500, description="for whoever looks at this later; it stands in the audit log")
    reference: str | None = Field(None, max_length=200, description="of the bank statement or the receipt")
    other_amount: bool = Field(
        False, description="another amount than was asked for really came: keep it, and leave the payment to a person"
    )


class RejectionIn(RequestModel):
    """Why nothing came, or nothing could be given."""

    note: str = Field("", max_length=500, description="for whoever looks at this later; it stands in the audit log")


class PaidOutIn(RejectionIn):
    """How the money was given back."""

    reference: str | None = Field(None, max_length=200, description="of the bank statement or the receipt")


@payments_api.post(
    "/{payment_id}/confirmations",
    status_code=201,
    responses=refusals(settling.UnknownPayment, confirming.NothingToConfirm, confirming.ReceivedAmountDiffers),
)
async def confirm_payment(request: Request, tx: TxDep, payment_id: PaymentId, asked: ConfirmationIn) -> PaymentOut:
    """Confirm cash or a bank transfer: what was bought is given at once. The same again: nothing changes."""
    confirmed = await confirming.confirm(
        tx,
        _gateways(request),
        payment_id,
        Money(asked.received_minor, asked.currency),
        note=asked.note,
        reference=asked.reference,
        other_amount=asked.other_amount,
    )
    return await _shown(tx, confirmed)


@payments_api.post(
    "/{payment_id}/rejections",
    status_code=201,
    responses=refusals(settling.UnknownPayment, confirming.NothingToConfirm, confirming.ConfirmedAlready),
)
async def reject_payment(request: Request, tx: TxDep, payment_id: PaymentId, asked: RejectionIn) -> PaymentOut:
    """Say that promised cash or a promised transfer did not come; the payment may be tried again while it is open."""
    return await _shown(tx, await confirming.reject(tx, _gateways(request), payment_id, note=asked.note))


@refunds_api.post(
    "/{refund_id}/confirmations",
    status_code=201,
    responses=refusals(refunding.UnknownRefund, confirming.NothingToPayOut, confirming.RefundEnded),
)
async def confirm_refund(request: Request, tx: TxDep, refund_id: RefundId, asked: PaidOutIn) -> RefundOut:
    """Confirm that a cash or bank transfer payment's refund was paid out. The same again: nothing changes."""
    return shown_refund(
        await confirming.confirm_refund(tx, _gateways(request), refund_id, note=asked.note, reference=asked.reference)
    )


@refunds_api.post(
    "/{refund_id}/rejections",
    status_code=201,
    responses=refusals(refunding.UnknownRefund, confirming.NothingToPayOut, confirming.RefundEnded),
)
async def reject_refund(request: Request, tx: TxDep, refund_id: RefundId, asked: RejectionIn) -> RefundOut:
    """Say that a cash or bank transfer payment's refund could not be paid out; what it took back is given again."""
    return shown_refund(await confirming.reject_refund(tx, _gateways(request), refund_id, note=asked.note))


async def _shown(tx: TxDep, payment: Payment) -> PaymentOut:
    return shown_payment(payment, await queries.select_attempts(tx, [payment.id]))


def _gateways(request: Request) -> Gateways:
    gateways: Gateways = request.app.state.gateways
    return gateways
