-- Money from outside: payments, the attempts to pay them, refunds, and what providers told us.

CREATE TABLE payments (
    tenant_id          bigint      NOT NULL,
    id                 uuid        NOT NULL,
    customer_id        uuid,
    purpose            text        NOT NULL CHECK (length(purpose) BETWEEN 1 AND 200),
    amount_minor       bigint      NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
    currency           text        NOT NULL,
    status             text        NOT NULL CHECK (
        status IN ('requires_payment', 'requires_action', 'processing', 'succeeded', 'failed', 'cancelled', 'expired')
    ),
    flag               text        CHECK (flag IN ('amount_mismatch', 'paid_twice')),
    client_secret_hash bytea       NOT NULL,
    captured_minor     bigint      NOT NULL DEFAULT 0 CHECK (captured_minor IN (0, amount_minor)),
    refunded_minor     bigint      NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    refunding_minor    bigint      NOT NULL DEFAULT 0 CHECK (refunding_minor >= 0),
    last_error         text,
    metadata           jsonb       NOT NULL,
    expires_at         timestamptz NOT NULL,
    created_at         timestamptz NOT NULL,
    succeeded_at       timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK (refunded_minor + refunding_minor <= captured_minor),
    CHECK ((status = 'succeeded') = (captured_minor > 0)),
    CHECK ((status = 'succeeded') = (succeeded_at IS NOT NULL))
);

CREATE INDEX payments_by_customer ON payments (tenant_id, customer_id, id);
CREATE INDEX payments_open ON payments (tenant_id, expires_at)
    WHERE status IN ('requires_payment', 'requires_action', 'processing');

CREATE TABLE payment_attempts (
    tenant_id      bigint      NOT NULL,
    id             uuid        NOT NULL,
    payment_id     uuid        NOT NULL,
    number         integer     NOT NULL CHECK (number > 0),
    parent_id      uuid,
    provider       text        NOT NULL,
    provider_ref   text,
    status         text        NOT NULL CHECK (
        status IN ('starting', 'pending', 'requires_action', 'processing', 'authorised', 'captured',
                   'failed', 'cancelled', 'expired', 'mismatched')
    ),
    is_final       boolean     NOT NULL DEFAULT false,
    failure_code   text,
    redirect_url   text,
    return_url     text        NOT NULL,
    locale         text        NOT NULL,
    captured_minor bigint      NOT NULL DEFAULT 0 CHECK (captured_minor >= 0),
    polls          integer     NOT NULL DEFAULT 0,
    entry_id       uuid,
    created_at     timestamptz NOT NULL,
    ended_at       timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    UNIQUE (tenant_id, provider, provider_ref),
    UNIQUE (tenant_id, payment_id, number),
    CHECK ((parent_id IS NULL) = (number = 1)),
    CHECK ((status = 'captured') = (entry_id IS NOT NULL)),
    CHECK (NOT is_final OR status = 'captured')
);

-- A payment has at most one attempt under way, and at most one that counts.
CREATE UNIQUE INDEX payment_attempts_one_live ON payment_attempts (tenant_id, payment_id)
    WHERE status IN ('starting', 'pending', 'requires_action', 'processing', 'authorised');
CREATE UNIQUE INDEX payment_attempts_one_final ON payment_attempts (tenant_id, payment_id) WHERE is_final;

CREATE TABLE payment_refunds (
    tenant_id    bigint      NOT NULL,
    id           uuid        NOT NULL,
    payment_id   uuid        NOT NULL,
    attempt_id   uuid        NOT NULL,
    amount_minor bigint      NOT NULL CHECK (amount_minor > 0),
    currency     text        NOT NULL,
    reason       text        NOT NULL,
    status       text        NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    provider_ref text,
    failure_code text,
    asks         integer     NOT NULL DEFAULT 0,
    entry_id     uuid,
    created_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    FOREIGN KEY (tenant_id, attempt_id) REFERENCES payment_attempts (tenant_id, id),
    CHECK ((status = 'succeeded') = (entry_id IS NOT NULL)),
    CHECK ((status = 'pending') = (ended_at IS NULL))
);

CREATE INDEX payment_refunds_by_payment ON payment_refunds (tenant_id, payment_id, id);

CREATE TABLE inbound_webhooks (
    tenant_id       bigint      NOT NULL,
    id              uuid        NOT NULL,
    provider        text        NOT NULL,
    headers         jsonb       NOT NULL,
    raw_body        bytea       NOT NULL,
    received_at     timestamptz NOT NULL,
    signature_valid boolean,
    event_id        text,
    type            text,
    provider_ref    text,
    processed_at    timestamptz,
    outcome         text        NOT NULL CHECK (outcome IN ('received', 'forged', 'duplicate', 'waiting', 'unknown_payment', 'applied')),
    note            text,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, provider, event_id),
    CHECK (event_id IS NULL OR signature_valid)
);

CREATE INDEX inbound_webhooks_unprocessed ON inbound_webhooks (tenant_id, provider, provider_ref)
    WHERE processed_at IS NULL AND signature_valid;

GRANT SELECT, INSERT ON payments, payment_attempts, payment_refunds, inbound_webhooks TO vezne_service;
GRANT UPDATE (status, flag, captured_minor, refunded_minor, refunding_minor, last_error, succeeded_at) ON payments TO vezne_service;
GRANT UPDATE (provider_ref, status, is_final, failure_code, redirect_url, captured_minor, polls, entry_id, ended_at)
    ON payment_attempts TO vezne_service;
GRANT UPDATE (status, provider_ref, failure_code, asks, entry_id, ended_at) ON payment_refunds TO vezne_service;
GRANT UPDATE (signature_valid, event_id, type, provider_ref, processed_at, outcome, note) ON inbound_webhooks TO vezne_service;
