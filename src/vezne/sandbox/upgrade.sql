-- Files made when one provider alone was played here: their events belong to it.
ALTER TABLE events RENAME TO events_of_one;
DROP INDEX events_of_payment;
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL DEFAULT 'simulated',
    type TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    webhook_url TEXT,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
INSERT INTO events (id, type, payment_id, webhook_url, body, created_at)
SELECT id, type, payment_id, webhook_url, body, created_at FROM events_of_one ORDER BY rowid;
DROP TABLE events_of_one;
