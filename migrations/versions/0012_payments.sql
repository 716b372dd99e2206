-- Payments for reservations, at a provider of the asker's choice, and all that providers said.

ALTER TABLE payments ADD COLUMN provider text;
-- What a payment is for when there may be only one: `ord_…`.
ALTER TABLE payments ADD COLUMN reservation text CHECK (length(reservation) BETWEEN 1 AND 200);
-- The column is new and empty, so the index is made at once.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX payments_one_a_reservation ON payments (tenant_id, reservation);

-- Every answer of a provider that moved something, for good; the answer itself is encrypted.
CREATE TABLE payment_transactions (
    tenant_id    bigint      NOT NULL,
    id           uuid        NOT NULL,
    payment_id   uuid        NOT NULL,
    attempt_id   uuid        NOT NULL,
    refund_id    uuid,
    provider     text        NOT NULL,
    provider_ref text        NOT NULL,
    status       text        NOT NULL,
    amount_minor bigint      NOT NULL CHECK (amount_minor >= 0),
    currency     text        NOT NULL,
    failure_code text,
    response     bytea       NOT NULL,
    seen_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    FOREIGN KEY (tenant_id, attempt_id) REFERENCES payment_attempts (tenant_id, id)
);

CREATE INDEX payment_transactions_by_payment ON payment_transactions (tenant_id, payment_id, id);

-- From here on the raw body is kept encrypted.
ALTER TABLE inbound_webhooks ADD COLUMN is_sealed boolean NOT NULL DEFAULT false;

GRANT SELECT, INSERT ON payment_transactions TO vezne_service;
GRANT UPDATE (reservation, expires_at, client_secret_hash) ON payments TO vezne_service;
