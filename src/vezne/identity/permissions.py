"""What a key or a member of staff may do: the permissions, and the roles as a table of them."""

PERMISSIONS = {
    "wallets.read": "see wallets, their transactions, lots and holds",
    "wallets.write": "credit, debit, transfer, hold, capture, release, refund",
    "wallets.manage": "freeze and close wallets, set their limits",
    "payments.read": "see payments, attempts, refunds and the provider's webhooks",
    "payments.write": "refund and cancel payments",
    "orders.read": "see orders and checkout sessions",
    "orders.write": "place, cancel and refund orders, open checkout sessions",
    "payments.confirm": "confirm cash and bank transfers that were received",
    "catalog.read": "see items, their prices and fee rules",
    "catalog.write": "create and change items, prices and fee rules",
    "bookings.read": "see resources, capacity, claims, attendees and tickets",
    "bookings.write": "create and change resources, hold and cancel seats, invite, answer requests",
    "checkin.write": "check tickets in",
    "reservations.read": "see the widget's reservations",
    "reservations.write": "convert and cancel the widget's reservations",
    "payees.read": "see payees; their bank details are masked",
    "payees.write": "create and change payees and their bank details",
    "settlements.read": "see settlements, payouts and statements",
    "payouts.request": "ask for payouts to payees",
    "payouts.approve": "approve or reject payouts that somebody else asked for, and say that they were made",
    "memberships.read": "see plans, memberships and their periods",
    "memberships.write": "create plans, start, change, pause and cancel memberships",
    "promos.read": "see promo codes and what became of them",
    "promos.write": "create and change promo codes",
    "rewards.read": "see coin rules, rewards and vouchers",
    "rewards.write": "reward customers with coins, adjust and redeem them",
    "rewards.manage": "change coin rules and the voucher catalogue",
    "mail.read": "see the mail that was sent",
    "mail.write": "send a letter again",
    "tokens.write": "give a customer's browser or app a short token of its own",
    "staff.manage": "invite staff, change their roles, end their sessions",
    "customers.read": "see customers",
    "customers.write": "create and change customers",
    "alerts.read": "see alerts about customers whose activity is unusual",
    "alerts.write": "decide alerts",
    "ledger.read": "see entries and the trial balance",
    "audit.read": "see the audit log",
    "keys.manage": "create, rotate and revoke API keys",
    "tenant.read": "see the tenant and its settings",
    "tenant.manage": "change the tenant's settings",
    "clock.manage": "hold and move a test tenant's clock",
    "imports.write": "import grants",
}
"""Each permission and what it lets its holder do."""

ALL = frozenset(PERMISSIONS)
_READ = frozenset(name for name in PERMISSIONS if name.endswith(".read"))

ROLES = {
    "owner": ALL,
    "admin": ALL - {"tenant.manage"},
    "finance": _READ
    | {
        "payments.write",
        "payments.confirm",
        "orders.write",
        "wallets.write",
        "imports.write",
        "payees.write",
        "payouts.request",
        "payouts.approve",
        "memberships.write",
        "promos.write",
        "rewards.write",
        "rewards.manage",
        "alerts.write",
    },
    "support": (_READ - {"ledger.read", "audit.read"})
    | {
        "customers.write",
        "wallets.manage",
        "bookings.write",
        "checkin.write",
        "orders.write",
        "reservations.write",
        "memberships.write",
        "rewards.write",
        "mail.write",
        "alerts.write",
    },
    "viewer": _READ - {"audit.read"},
    "partner": frozenset(
        {
            "orders.read",
            "orders.write",
            "payments.read",
            "bookings.read",
            "bookings.write",
            "checkin.write",
            "reservations.read",
            "reservations.write",
            "settlements.read",
            "payouts.request",
        }
    ),
    "door": frozenset({"bookings.read", "checkin.write"}),
}
"""What each role may do."""

PUBLISHABLE = frozenset({"checkout.read"})
"""What a publishable key may do: it stands in browsers, so it sees only what a client secret opens."""

CUSTOMER = frozenset({"own.read", "own.write"})
"""What a customer's token may do, with that customer's own things and at endpoints that say so; no key has these."""
