"""Payments: money from outside, through any provider: attempts, the one finaliser, refunds, and the webhooks received.

A payment is asked for with a `purpose` that payments does not read; whoever asked learns by events what became of it, and
finds the money in the ledger's `unapplied` account.

Wiring, for the composition root: make one `Gateways.from_settings(settings)`, put it on `app.state.gateways`, register
`jobs_on(gateways)` with the worker, and `aclose()` it at the end.
"""

from vezne.payments.events import (
    AttemptStarted,
    PaymentCancelled,
    PaymentConfirmed,
    PaymentCreated,
    PaymentExpired,
    PaymentFailed,
    PaymentFlagged,
    PaymentRejected,
    PaymentSucceeded,
    PaymentSucceededLate,
    RefundConfirmed,
    RefundFailed,
    RefundRejected,
    RefundRequested,
    RefundSucceeded,
)
from vezne.payments.gateways import Gateways, ProviderUnknown
from vezne.payments.models import (
    Attempt,
    AttemptStatus,
    ClientSecretUnknown,
    Flag,
    Payment,
    PaymentStatus,
    ProviderTransaction,
    Refund,
    RefundStatus,
    read_client_secret,
)
from vezne.payments.operations.checking import audit
from vezne.payments.operations.closing import cancel, expire, expire_due
from vezne.payments.operations.confirming import (
    ConfirmedAlready,
    NothingToConfirm,
    NothingToPayOut,
    ReceivedAmountDiffers,
    RefundEnded,
    confirm,
    confirm_refund,
    reject,
    reject_refund,
)
from vezne.payments.operations.demo import DemoView, complete_demo, demo_session
from vezne.payments.operations.paying import (
    PaymentNotOpen,
    PaymentUnderReview,
    create,
    existing,
    extend,
    get_or_create,
    link,
    of_client_secret,
    payer,
    renew_client_secret,
)
from vezne.payments.operations.reading import attempts, payments_page, refunds, transactions
from vezne.payments.operations.refunding import NotRefundable, RefundTooLarge, refund
from vezne.payments.operations.reviewing import captured_of, end_review, refund_attempt, take_mismatched
from vezne.payments.operations.settling import PaymentInFlight, UnknownPayment, finalise, lock, payment
from vezne.payments.operations.starting import FormUnknown, ProviderNotOffered, StartedAttempt, form_of, start_attempt
from vezne.payments.providers.base import FormPost, ProviderRefused, ProviderUnavailable, SignatureInvalid
from vezne.payments.providers.magicpay import NAME as MAGICPAY
from vezne.payments.providers.magicpay_sessions import MagicPaySessionDecided, MagicPaySessionUnknown

__all__ = [
    "MAGICPAY",
    "Attempt",
    "AttemptStarted",
    "AttemptStatus",
    "ClientSecretUnknown",
    "ConfirmedAlready",
    "DemoView",
    "Flag",
    "FormPost",
    "FormUnknown",
    "Gateways",
    "MagicPaySessionDecided",
    "MagicPaySessionUnknown",
    "NotRefundable",
    "NothingToConfirm",
    "NothingToPayOut",
    "Payment",
    "PaymentCancelled",
    "PaymentConfirmed",
    "PaymentCreated",
    "PaymentExpired",
    "PaymentFailed",
    "PaymentFlagged",
    "PaymentInFlight",
    "PaymentNotOpen",
    "PaymentRejected",
    "PaymentStatus",
    "PaymentSucceeded",
    "PaymentSucceededLate",
    "PaymentUnderReview",
    "ProviderNotOffered",
    "ProviderRefused",
    "ProviderTransaction",
    "ProviderUnavailable",
    "ProviderUnknown",
    "ReceivedAmountDiffers",
    "Refund",
    "RefundConfirmed",
    "RefundEnded",
    "RefundFailed",
    "RefundRejected",
    "RefundRequested",
    "RefundStatus",
    "RefundSucceeded",
    "RefundTooLarge",
    "SignatureInvalid",
    "StartedAttempt",
    "UnknownPayment",
    "attempts",
    "audit",
    "cancel",
    "captured_of",
    "complete_demo",
    "confirm",
    "confirm_refund",
    "create",
    "demo_session",
    "end_review",
    "existing",
    "expire",
    "expire_due",
    "extend",
    "finalise",
    "form_of",
    "get_or_create",
    "link",
    "lock",
    "of_client_secret",
    "payer",
    "payment",
    "payments_page",
    "read_client_secret",
    "refund",
    "refund_attempt",
    "refunds",
    "reject",
    "reject_refund",
    "renew_client_secret",
    "start_attempt",
    "take_mismatched",
    "transactions",
]
