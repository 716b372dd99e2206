-- Checkout: further addresses under which an order may be paid. The first comes with the payment, as its client secret.

CREATE TABLE checkout_sessions (
    tenant_id  bigint      NOT NULL,
    id         uuid        NOT NULL,
    order_id   uuid        NOT NULL,
    token_hash bytea       NOT NULL CHECK (length(token_hash) = 32),
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CHECK (expires_at > created_at)
);

GRANT SELECT, INSERT ON checkout_sessions TO vezne_service;
