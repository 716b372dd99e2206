-- What MagicPay's demo knows: it plays the provider inside this process, and no money in it is real.

CREATE TABLE magicpay_sessions (
    tenant_id      bigint      NOT NULL,
    id             text        NOT NULL CHECK (length(id) BETWEEN 1 AND 100),
    reference      text        NOT NULL CHECK (length(reference) BETWEEN 1 AND 128),
    amount_minor   bigint      NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
    currency       text        NOT NULL,
    status         text        NOT NULL CHECK (status IN ('open', 'processing', 'paid', 'failed', 'cancelled')),
    failure_code   text,
    card_last4     text        CHECK (length(card_last4) = 4),
    refunded_minor bigint      NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    return_url     text        NOT NULL,
    locale         text        NOT NULL,
    created_at     timestamptz NOT NULL,
    settles_at     timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    CHECK (refunded_minor <= amount_minor AND (refunded_minor = 0 OR status = 'paid')),
    CHECK ((status = 'processing') = (settles_at IS NOT NULL)),
    CHECK ((status = 'failed') = (failure_code IS NOT NULL))
);

CREATE TABLE magicpay_refunds (
    tenant_id    bigint      NOT NULL,
    id           text        NOT NULL CHECK (length(id) BETWEEN 1 AND 100),
    session_id   text        NOT NULL,
    reference    text        NOT NULL CHECK (length(reference) BETWEEN 1 AND 128),
    amount_minor bigint      NOT NULL CHECK (amount_minor > 0),
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, session_id) REFERENCES magicpay_sessions (tenant_id, id)
);

GRANT SELECT, INSERT ON magicpay_sessions, magicpay_refunds TO vezne_service;
GRANT UPDATE (status, failure_code, card_last4, refunded_minor, settles_at) ON magicpay_sessions TO vezne_service;
