-- Stripe's own books: every resource as the JSON its API shows, and what the API does not show (a card's number, a way back).
CREATE TABLE IF NOT EXISTS stripe_objects (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    hidden TEXT NOT NULL DEFAULT '{}',
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS stripe_objects_of_kind ON stripe_objects (kind, sequence);
CREATE INDEX IF NOT EXISTS stripe_objects_of_customer ON stripe_objects (kind, json_extract(body, '$.customer'));
CREATE INDEX IF NOT EXISTS stripe_objects_of_intent ON stripe_objects (kind, json_extract(body, '$.payment_intent'));

-- The account: what its ids are made from, where it is reached, and what its owner has set on the dashboard.
CREATE TABLE IF NOT EXISTS stripe_account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seed TEXT NOT NULL,
    made INTEGER NOT NULL DEFAULT 0,
    base_url TEXT NOT NULL DEFAULT '',
    webhook_set INTEGER NOT NULL DEFAULT 0,
    webhook_url TEXT,
    webhook_payload TEXT NOT NULL DEFAULT 'snapshot' CHECK (webhook_payload IN ('snapshot', 'thin', 'both'))
) STRICT;

-- What will happen by itself, in real time (clock '') or on a test clock. Seconds since 1970.
CREATE TABLE IF NOT EXISTS stripe_timers (
    id INTEGER PRIMARY KEY,
    clock TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    deed TEXT NOT NULL,
    subject TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS stripe_timers_due ON stripe_timers (clock, due_at, id);

CREATE TABLE IF NOT EXISTS stripe_idempotency (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
