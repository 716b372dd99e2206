"""Payments: money from outside, through any provider: attempts, the one finaliser, refunds, and the webhooks received.

A payment is asked for with a `purpose` that payments does not read; whoever asked learns by events what became of it, and
finds the money in the ledger's `unapplied` account.

Wiring, for the composition root: make one `Gateways.from_settings(settings)`, put it on `app.state.gateways`, register
`jobs_on(gateways)` with the worker, and `aclose()` it at the end.
"""

from vezne.payments.events import (
    AttemptStarted,
    PaymentCancelled,
    PaymentCreated,
    PaymentExpired,
    PaymentFailed,
    PaymentFlagged,
    PaymentSucceeded,
    PaymentSucceededLate,
    RefundFailed,
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
from vezne.payments.operations.paying import (
    PaymentNotOpen,
    PaymentUnderReview,
    create,
    extend,
    get_or_create,
    link,
    of_client_secret,
    payer,
    renew_client_secret,
)
from vezne.payments.operations.reading import attempts, refunds, transactions
from vezne.payments.operations.refunding import NotRefundable, RefundTooLarge, refund
from vezne.payments.operations.reviewing import captured_of, end_review, refund_attempt, take_mismatched
from vezne.payments.operations.settling import PaymentInFlight, UnknownPayment, finalise, lock, payment
from vezne.payments.operations.starting import FormUnknown, ProviderNotOffered, StartedAttempt, form_of, start_attempt
from vezne.payments.providers.base import FormPost, ProviderRefused, ProviderUnavailable, SignatureInvalid

__all__ = [
    "Attempt",
    "AttemptStarted",
    "AttemptStatus",
    "ClientSecretUnknown",
    "Flag",
    "FormPost",
    "FormUnknown",
    "Gateways",
    "NotRefundable",
    "Payment",
    "PaymentCancelled",
    "PaymentCreated",
    "PaymentExpired",
    "PaymentFailed",
    "PaymentFlagged",
    "PaymentInFlight",
    "PaymentNotOpen",
    "PaymentStatus",
    "PaymentSucceeded",
    "PaymentSucceededLate",
    "PaymentUnderReview",
    "ProviderNotOffered",
    "ProviderRefused",
    "ProviderTransaction",
    "ProviderUnavailable",
    "ProviderUnknown",
    "Refund",
    "RefundFailed",
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
    "create",
    "end_review",
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
    "read_client_secret",
    "refund",
    "refund_attempt",
    "refunds",
    "renew_client_secret",
    "start_attempt",
    "take_mismatched",
    "transactions",
]
