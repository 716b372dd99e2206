"""What follows from what: `now` in the same transaction, `later` as a job that commits with it."""

from vezne import memberships, orders, payments, rewards, wallets
from vezne.app import rewarding
from vezne.kernel.events import Reactions

REACTIONS = Reactions(
    now={
        payments.AttemptStarted: [orders.on_attempt_started],
        payments.PaymentSucceeded: [orders.on_payment_succeeded],
        payments.PaymentSucceededLate: [orders.on_payment_succeeded],
        payments.PaymentFailed: [orders.on_charge_declined, orders.on_payment_failed, payments.watch_declines],
        payments.PaymentCancelled: [orders.on_payment_cancelled],
        payments.PaymentExpired: [orders.on_payment_expired],
        payments.PaymentFlagged: [orders.on_payment_flagged],
        payments.RefundRequested: [orders.on_refund_requested, payments.watch_refunds],
        payments.RefundSucceeded: [orders.on_refund_succeeded],
        payments.RefundFailed: [orders.on_refund_failed],
        payments.MethodSaved: [memberships.on_method_saved],
        payments.SubscriptionMoved: [memberships.on_subscription_moved],
        payments.InvoiceFailed: [memberships.on_invoice_failed],
        payments.DisputeLost: [orders.on_dispute_lost],
        payments.InvoicePaid: [orders.on_invoice_paid],
        wallets.WalletOpened: [rewards.on_wallet_opened],
        orders.OrderFulfilled: [rewarding.on_order_fulfilled],
        orders.OrderRefundMade: [rewarding.on_order_refunded],
        orders.OrderRefunded: [rewarding.on_order_refunded],
    },
    later={
        orders.OrderFulfilled: ["orders.send_receipt"],
        orders.OrderRefundMade: ["orders.send_refund_letter"],
        memberships.MembershipPastDue: ["memberships.tell_past_due"],
        memberships.PeriodFailed: ["memberships.tell_unpaid"],
        memberships.MembershipEnded: ["memberships.tell_ended"],
        memberships.MembershipTrialEnding: ["memberships.tell_trial_ending"],
    },
)
