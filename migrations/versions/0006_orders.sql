-- Orders: what is sold, line by line, and the payment that pays it.

CREATE TABLE orders (
    tenant_id      bigint      NOT NULL,
    id             uuid        NOT NULL,
    customer_id    uuid        NOT NULL,
    status         text        NOT NULL CHECK (status IN ('pending', 'paid', 'fulfilled', 'failed', 'cancelled', 'expired', 'refunded')),
    currency       text        NOT NULL,
    total_minor    bigint      NOT NULL CHECK (total_minor BETWEEN 1 AND 9007199254740991),
    refunded_minor bigint      NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND total_minor),
    payment_id     uuid        NOT NULL,
    return_url     text,
    last_error     text,
    metadata       jsonb       NOT NULL,
    created_at     timestamptz NOT NULL,
    paid_at        timestamptz,
    fulfilled_at   timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, payment_id),
    CHECK ((status IN ('paid', 'fulfilled', 'refunded')) = (paid_at IS NOT NULL))
);

CREATE INDEX orders_by_customer ON orders (tenant_id, customer_id, id);

CREATE TABLE order_lines (
    tenant_id      bigint  NOT NULL,
    id             uuid    NOT NULL,
    order_id       uuid    NOT NULL,
    number         integer NOT NULL CHECK (number > 0),
    kind           text    NOT NULL,
    details        jsonb   NOT NULL,
    description    text    NOT NULL,
    amount_minor   bigint  NOT NULL CHECK (amount_minor > 0),
    currency       text    NOT NULL,
    -- What the line has given and not taken back, and what was refunded of it.
    applied_minor  bigint  NOT NULL DEFAULT 0 CHECK (applied_minor >= 0),
    refunded_minor bigint  NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    CHECK (applied_minor + refunded_minor <= amount_minor),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    UNIQUE (tenant_id, order_id, number)
);

-- Which part of a refund came from which line, so that a refund the provider refuses can be put back.
CREATE TABLE order_refunds (
    tenant_id     bigint  NOT NULL,
    refund_id     uuid    NOT NULL,
    line_id       uuid    NOT NULL,
    order_id      uuid    NOT NULL,
    amount_minor  bigint  NOT NULL CHECK (amount_minor > 0),
    was_applied   boolean NOT NULL,
    status        text    NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    PRIMARY KEY (tenant_id, refund_id, line_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    FOREIGN KEY (tenant_id, line_id) REFERENCES order_lines (tenant_id, id)
);

CREATE INDEX order_refunds_by_order ON order_refunds (tenant_id, order_id);

GRANT SELECT, INSERT ON orders, order_lines, order_refunds TO vezne_service;
GRANT UPDATE (status, refunded_minor, last_error, paid_at, fulfilled_at) ON orders TO vezne_service;
GRANT UPDATE (applied_minor, refunded_minor) ON order_lines TO vezne_service;
GRANT UPDATE (status) ON order_refunds TO vezne_service;
