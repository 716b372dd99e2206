-- The simulated provider's own books. Times are RFC 3339 text in UTC with microseconds, so that they sort as they are.
CREATE TABLE IF NOT EXISTS payments (
    id TEXT PRIMARY KEY,
    merchant_reference TEXT NOT NULL UNIQUE,
    amount_minor INTEGER NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
    currency TEXT NOT NULL,
    capture TEXT NOT NULL CHECK (capture IN ('automatic', 'manual')),
    status TEXT NOT NULL,
    captured_minor INTEGER NOT NULL CHECK (captured_minor BETWEEN 0 AND amount_minor),
    refunded_minor INTEGER NOT NULL CHECK (refunded_minor >= 0),
    refunding_minor INTEGER NOT NULL CHECK (refunding_minor >= 0),
    failure_code TEXT,
    card_brand TEXT,
    card_last4 TEXT CHECK (length(card_last4) = 4),
    description TEXT NOT NULL,
    locale TEXT NOT NULL,
    return_url TEXT NOT NULL,
    webhook_url TEXT,
    redirect_url TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    customer TEXT,
    save_card INTEGER NOT NULL DEFAULT 0,
    method_id TEXT,
    method_year INTEGER,
    off_session INTEGER NOT NULL DEFAULT 0,
    CHECK (refunded_minor + refunding_minor <= captured_minor)
) STRICT;

-- Cards that customers let the merchant keep: of a number the last four digits, which are unique among the test cards.
CREATE TABLE IF NOT EXISTS stored_cards (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    card_brand TEXT NOT NULL,
    card_last4 TEXT NOT NULL CHECK (length(card_last4) = 4),
    expires_year INTEGER NOT NULL,
    acts_like TEXT NOT NULL CHECK (length(acts_like) = 4),
    created_at TEXT NOT NULL,
    removed_at TEXT
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS stored_cards_once ON stored_cards (customer, card_last4) WHERE removed_at IS NULL;

CREATE TABLE IF NOT EXISTS refunds (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    merchant_reference TEXT UNIQUE,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    failure_code TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_of_payment ON refunds (payment_id);

-- What was asked under a merchant reference, so that the same request again is told from another one.
CREATE TABLE IF NOT EXISTS requests (
    object_id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

-- What will happen by itself: an abandoned payment expires, a delayed one succeeds, a pending refund settles.
CREATE TABLE IF NOT EXISTS timers (
    id INTEGER PRIMARY KEY,
    due_at TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS timers_due ON timers (due_at);

-- What a merchant is told, by whichever of the providers played here; `payment_id` is that provider's own name for the payment.
CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL DEFAULT 'simulated',
    type TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    webhook_url TEXT,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_of_payment ON events (payment_id);

CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES events (id),
    kind TEXT NOT NULL CHECK (kind IN ('genuine', 'redelivery', 'duplicate', 'forged', 'stale')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'given_up')),
    tries INTEGER NOT NULL DEFAULT 0,
    due_at TEXT NOT NULL,
    goes_after INTEGER REFERENCES deliveries (id),
    held INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_of_event ON deliveries (event_id);

CREATE TABLE IF NOT EXISTS tries (
    delivery_id INTEGER NOT NULL REFERENCES deliveries (id),
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    milliseconds INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, number)
) STRICT;

CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    spec TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS faults_fired (
    name TEXT PRIMARY KEY,
    fired INTEGER NOT NULL DEFAULT 0,
    drawn INTEGER NOT NULL DEFAULT 0
) STRICT;
