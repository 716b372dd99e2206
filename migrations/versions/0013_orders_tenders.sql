-- Orders paid by several tenders or by none, what their prices were made of, and money that nothing waits for.
-- The service that knows the former shape does not run beside this one: it refuses a database that is ahead of it.
-- squawk-ignore-file ban-drop-not-null, ban-drop-constraint, constraint-missing-not-valid, adding-serial-primary-key-field
-- squawk-ignore-file require-concurrent-index-creation

ALTER TABLE orders ALTER COLUMN payment_id DROP NOT NULL;
ALTER TABLE orders DROP CONSTRAINT orders_total_minor_check;
ALTER TABLE orders ADD CONSTRAINT orders_total_minor_check CHECK (total_minor BETWEEN 0 AND 9007199254740991);

ALTER TABLE order_lines DROP CONSTRAINT order_lines_amount_minor_check;
ALTER TABLE order_lines ADD CONSTRAINT order_lines_amount_minor_check CHECK (amount_minor >= 0);
-- How many seats, servings or units the line is of, and how many of them were given back.
ALTER TABLE order_lines ADD COLUMN quantity integer NOT NULL DEFAULT 1;
ALTER TABLE order_lines ADD COLUMN refunded_quantity integer NOT NULL DEFAULT 0;
-- Who earns by it; null: nobody but the tenant.
ALTER TABLE order_lines ADD COLUMN payee_id uuid;
ALTER TABLE order_lines ADD CONSTRAINT order_lines_quantity_check
    CHECK (quantity > 0 AND refunded_quantity BETWEEN 0 AND quantity);
-- A claim on capacity is ordered once: whoever pays for it twice would have its seats once.
CREATE UNIQUE INDEX order_lines_one_a_claim ON order_lines (tenant_id, (details ->> 'claim_id')) WHERE details ? 'claim_id';
CREATE INDEX order_lines_by_payee ON order_lines (tenant_id, payee_id, order_id) WHERE payee_id IS NOT NULL;

-- What pays an order: stored value that is held until the rest is paid, and one payment for the rest.
CREATE TABLE order_tenders (
    tenant_id      bigint  NOT NULL,
    id             uuid    NOT NULL,
    order_id       uuid    NOT NULL,
    number         integer NOT NULL CHECK (number > 0),
    kind           text    NOT NULL CHECK (kind IN ('wallet', 'coins', 'provider')),
    status         text    NOT NULL CHECK (status IN ('waiting', 'captured', 'released')),
    amount_minor   bigint  NOT NULL CHECK (amount_minor > 0),
    currency       text    NOT NULL,
    refunded_minor bigint  NOT NULL DEFAULT 0,
    -- Stored value: the wallet, what is taken of it (coins: how many), what came back into it, its hold and the debit.
    wallet_id      uuid,
    units          bigint  NOT NULL CHECK (units > 0),
    refunded_units bigint  NOT NULL DEFAULT 0,
    hold_id        uuid,
    transaction_id uuid,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    UNIQUE (tenant_id, order_id, number),
    CHECK ((kind = 'provider') = (wallet_id IS NULL)),
    CHECK (refunded_minor BETWEEN 0 AND CASE status WHEN 'captured' THEN amount_minor ELSE 0 END),
    CHECK (refunded_units BETWEEN 0 AND CASE status WHEN 'captured' THEN units ELSE 0 END),
    CHECK ((kind <> 'provider' AND status = 'captured') = (transaction_id IS NOT NULL))
);

-- Orders so far were paid by their payment alone; its number serves as its tender's.
INSERT INTO order_tenders (tenant_id, id, order_id, number, kind, status, amount_minor, currency, refunded_minor, units)
SELECT tenant_id, payment_id, id, 1, 'provider',
       CASE WHEN status IN ('paid', 'fulfilled', 'refunded') THEN 'captured' WHEN status = 'pending' THEN 'waiting' ELSE 'released' END,
       total_minor, currency, refunded_minor, total_minor
FROM orders;

-- A refund of an order as it was asked for; what of it came from which line and went to which tender is in order_refunds.
CREATE TABLE order_refund_requests (
    tenant_id    bigint      NOT NULL,
    id           uuid        NOT NULL,
    order_id     uuid        NOT NULL,
    amount_minor bigint      NOT NULL CHECK (amount_minor >= 0),
    currency     text        NOT NULL,
    reason       text        NOT NULL,
    status       text        NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);

CREATE INDEX order_refund_requests_by_order ON order_refund_requests (tenant_id, order_id, id);

INSERT INTO order_refund_requests (tenant_id, id, order_id, amount_minor, currency, reason, status, created_at)
SELECT refund.tenant_id, refund.id, shares.order_id, refund.amount_minor, refund.currency, refund.reason, refund.status,
       refund.created_at
FROM payment_refunds AS refund
JOIN (SELECT DISTINCT tenant_id, refund_id, order_id FROM order_refunds) AS shares
    ON shares.tenant_id = refund.tenant_id AND shares.refund_id = refund.id;

ALTER TABLE order_refunds ADD COLUMN tender_id uuid;
-- What of the part had been given and was taken back, and how many seats went with it.
ALTER TABLE order_refunds ADD COLUMN given_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE order_refunds ADD COLUMN seats integer NOT NULL DEFAULT 0;
ALTER TABLE order_refunds ALTER COLUMN was_applied SET DEFAULT false;
UPDATE order_refunds AS share SET tender_id = orders.payment_id, given_minor = CASE WHEN was_applied THEN amount_minor ELSE 0 END
FROM orders WHERE orders.tenant_id = share.tenant_id AND orders.id = share.order_id;
ALTER TABLE order_refunds DROP CONSTRAINT order_refunds_pkey;
ALTER TABLE order_refunds ADD CONSTRAINT order_refunds_pkey PRIMARY KEY (tenant_id, refund_id, line_id, tender_id);

-- What a line's price was made of when it was paid; nothing ever changes it.
CREATE TABLE order_snapshots (
    tenant_id                 bigint      NOT NULL,
    line_id                   uuid        NOT NULL,
    order_id                  uuid        NOT NULL,
    payee_id                  uuid,
    currency                  text        NOT NULL,
    seats_count               integer     NOT NULL CHECK (seats_count > 0),
    base_price_per_seat_minor bigint      NOT NULL,
    -- In hundredths of a percent: 1000 is 10.00 %.
    platform_fee_percentage   integer     NOT NULL,
    platform_fee_amount_minor bigint      NOT NULL,
    host_earning_per_seat_minor bigint    NOT NULL,
    host_earning_minor        bigint      NOT NULL,
    discount_minor            bigint      NOT NULL,
    total_minor               bigint      NOT NULL,
    fee_rule_id               uuid,
    fee_rule_version          integer     NOT NULL,
    taken_at                  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, line_id),
    FOREIGN KEY (tenant_id, line_id) REFERENCES order_lines (tenant_id, id)
);

CREATE INDEX order_snapshots_by_order ON order_snapshots (tenant_id, order_id);

-- Which order a quote has placed: one.
CREATE TABLE placed_quotes (
    tenant_id bigint      NOT NULL,
    quote_id  uuid        NOT NULL,
    order_id  uuid        NOT NULL,
    placed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, quote_id)
);

-- Money that came and that no order can take: it stands in `unapplied` (a mismatch: at its provider) until it is decided.
CREATE TABLE unmatched_money (
    tenant_id      bigint      NOT NULL,
    id             uuid        NOT NULL,
    payment_id     uuid        NOT NULL,
    attempt_id     uuid        NOT NULL,
    order_id       uuid,
    customer_id    uuid,
    reason         text        NOT NULL CHECK (reason IN ('paid_twice', 'amount_mismatch', 'paid_late', 'no_order')),
    detail         text        NOT NULL,
    amount_minor   bigint      NOT NULL CHECK (amount_minor >= 0),
    currency       text        NOT NULL,
    status         text        NOT NULL CHECK (status IN ('waiting', 'under_way', 'resolved')),
    action         text        CHECK (action IN ('refund', 'wallet', 'accept')),
    refund_id      uuid,
    transaction_id uuid,
    entry_id       uuid,
    resolved_by    text,
    created_at     timestamptz NOT NULL,
    resolved_at    timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, payment_id, attempt_id),
    CHECK ((status = 'waiting') = (action IS NULL)),
    CHECK ((status = 'resolved') = (resolved_at IS NOT NULL))
);

CREATE INDEX unmatched_money_waiting ON unmatched_money (tenant_id, id) WHERE status = 'waiting';
CREATE INDEX unmatched_money_by_refund ON unmatched_money (tenant_id, refund_id) WHERE refund_id IS NOT NULL;

GRANT SELECT, INSERT ON order_tenders, order_refund_requests, order_snapshots, placed_quotes, unmatched_money TO vezne_service;
GRANT UPDATE (status, refunded_minor, refunded_units, hold_id, transaction_id) ON order_tenders TO vezne_service;
GRANT UPDATE (status) ON order_refund_requests TO vezne_service;
GRANT UPDATE (refunded_quantity) ON order_lines TO vezne_service;
GRANT UPDATE (status, action, refund_id, transaction_id, entry_id, resolved_by, resolved_at) ON unmatched_money TO vezne_service;
-- A hold lives longer while its order is being paid.
GRANT UPDATE (expires_at) ON holds TO vezne_service;
