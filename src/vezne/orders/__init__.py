"""Orders: what is sold, line by line, on one road from money to goods.

An order is placed with a payment. What becomes of the payment reaches it by the `on_…` reactions, in the transaction that
learns it; refunds and cancellations are asked of the payment, and the order follows.
"""

from vezne.orders.events import (
    OrderCancelled,
    OrderExpired,
    OrderFailed,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderStuck,
)
from vezne.orders.lines import LINES, TopUpDetails
from vezne.orders.models import Line, Order, OrderStatus
from vezne.orders.operations.checking import audit
from vezne.orders.operations.fulfilling import (
    OrderNotPaid,
    fulfil,
    on_payment_cancelled,
    on_payment_expired,
    on_payment_failed,
    on_payment_succeeded,
)
from vezne.orders.operations.placing import CheckoutView, Placed, UnknownOrder, checkout_view, lines_of, order, place
from vezne.orders.operations.refunding import (
    cancel,
    on_refund_failed,
    on_refund_requested,
    on_refund_succeeded,
    refund,
)

__all__ = [
    "LINES",
    "CheckoutView",
    "Line",
    "Order",
    "OrderCancelled",
    "OrderExpired",
    "OrderFailed",
    "OrderFulfilled",
    "OrderNotPaid",
    "OrderPaid",
    "OrderPlaced",
    "OrderRefunded",
    "OrderStatus",
    "OrderStuck",
    "Placed",
    "TopUpDetails",
    "UnknownOrder",
    "audit",
    "cancel",
    "checkout_view",
    "fulfil",
    "lines_of",
    "on_payment_cancelled",
    "on_payment_expired",
    "on_payment_failed",
    "on_payment_succeeded",
    "on_refund_failed",
    "on_refund_requested",
    "on_refund_succeeded",
    "order",
    "place",
    "refund",
]
