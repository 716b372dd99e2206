"""Orders: what is sold, line by line, on one road from money to goods.

An order is placed with what is to pay it: stored value, which is held, and one payment for the rest. What becomes of the payment
reaches it by the `on_…` reactions, in the transaction that learns it.
"""

from vezne.orders.asked import CoinsTender, ProviderTender, WalletTender
from vezne.orders.events import (
    OrderCancelled,
    OrderExpired,
    OrderFailed,
    OrderFulfilled,
    OrderLossBorne,
    OrderPaid,
    OrderPaidLate,
    OrderPlaced,
    OrderRefunded,
    OrderRefundMade,
    OrderStuck,
    UnmatchedFound,
    UnmatchedResolved,
)
from vezne.orders.lines import LINES, BookingDetails, CourseDetails, TopUpDetails
from vezne.orders.models import Line, Order, OrderRefund, OrderStatus, RefundShare, Snapshot, Tender, Unmatched
from vezne.orders.operations.checking import audit
from vezne.orders.operations.disputed import on_dispute_lost
from vezne.orders.operations.ending import (
    OrderPaidAlready,
    cancel,
    on_attempt_started,
    on_payment_cancelled,
    on_payment_expired,
    on_payment_failed,
)
from vezne.orders.operations.fulfilling import OrderNotPaid, fulfil, on_payment_succeeded
from vezne.orders.operations.listing import Takings, orders_page, takings, unmatched_waiting
from vezne.orders.operations.placing import Placed, Wanted, place
from vezne.orders.operations.quoting import PriceChanged, Quote, QuoteInvalid, QuoteLapsed, place_quote, quote
from vezne.orders.operations.reading import (
    CheckoutView,
    OrderView,
    UnknownOrder,
    checkout_view,
    lines_of,
    order,
    order_of_claim,
    refunds_of,
    tenders_of,
    view,
    views,
)
from vezne.orders.operations.refunding import (
    AskedLineRefund,
    LineRefundTooLarge,
    OrderNotRefundable,
    OrderRefundTooLarge,
    on_refund_failed,
    on_refund_requested,
    on_refund_succeeded,
    preview,
    refund,
)
from vezne.orders.operations.renewing import on_charge_declined, on_invoice_paid
from vezne.orders.operations.returning import on_payment_flagged, resolve, unmatched

__all__ = [
    "LINES",
    "AskedLineRefund",
    "BookingDetails",
    "CheckoutView",
    "CoinsTender",
    "CourseDetails",
    "Line",
    "LineRefundTooLarge",
    "Order",
    "OrderCancelled",
    "OrderExpired",
    "OrderFailed",
    "OrderFulfilled",
    "OrderLossBorne",
    "OrderNotPaid",
    "OrderNotRefundable",
    "OrderPaid",
    "OrderPaidAlready",
    "OrderPaidLate",
    "OrderPlaced",
    "OrderRefund",
    "OrderRefundMade",
    "OrderRefundTooLarge",
    "OrderRefunded",
    "OrderStatus",
    "OrderStuck",
    "OrderView",
    "Placed",
    "PriceChanged",
    "ProviderTender",
    "Quote",
    "QuoteInvalid",
    "QuoteLapsed",
    "RefundShare",
    "Snapshot",
    "Takings",
    "Tender",
    "TopUpDetails",
    "UnknownOrder",
    "Unmatched",
    "UnmatchedFound",
    "UnmatchedResolved",
    "WalletTender",
    "Wanted",
    "audit",
    "cancel",
    "checkout_view",
    "fulfil",
    "lines_of",
    "on_attempt_started",
    "on_charge_declined",
    "on_dispute_lost",
    "on_invoice_paid",
    "on_payment_cancelled",
    "on_payment_expired",
    "on_payment_failed",
    "on_payment_flagged",
    "on_payment_succeeded",
    "on_refund_failed",
    "on_refund_requested",
    "on_refund_succeeded",
    "order",
    "order_of_claim",
    "orders_page",
    "place",
    "place_quote",
    "preview",
    "quote",
    "refund",
    "refunds_of",
    "resolve",
    "takings",
    "tenders_of",
    "unmatched",
    "unmatched_waiting",
    "view",
    "views",
]
