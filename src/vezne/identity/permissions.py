"""What a key or a member of staff may do: the permissions, and the roles as a table of them."""

PERMISSIONS = {
    "wallets.read": "see wallets, their transactions, lots and holds",
    "wallets.write": "credit, debit, transfer, hold, capture, release, refund",
    "wallets.manage": "freeze and close wallets, set their limits",
    "payments.read": "see payments, attempts, refunds and the provider's webhooks",
    "payments.write": "refund and cancel payments",
    "orders.read": "see orders and checkout sessions",
    "orders.write": "place, cancel and refund orders, open checkout sessions",
    "customers.read": "see customers",
    "customers.write": "create and change customers",
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
    "finance": _READ | {"payments.write", "orders.write", "wallets.write", "imports.write"},
    "support": (_READ - {"ledger.read", "audit.read"}) | {"customers.write", "wallets.manage"},
    "viewer": _READ - {"audit.read"},
}
"""What each role may do."""

PUBLISHABLE = frozenset({"checkout.read"})
"""What a publishable key may do: it stands in browsers, so it sees only what a client secret opens."""
