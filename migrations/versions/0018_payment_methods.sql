-- What customers pay with again and again: stored methods, subscriptions that a provider bills by itself, and disputes.

-- Whether what it is paid with is to be kept, and the stored method an attempt charges while the customer is away.
ALTER TABLE payments ADD COLUMN save_method boolean NOT NULL DEFAULT false;
ALTER TABLE payment_attempts ADD COLUMN method_id uuid;

-- Each provider's own name for a customer.
CREATE TABLE provider_customers (
    tenant_id    bigint      NOT NULL,
    provider     text        NOT NULL,
    customer_id  uuid        NOT NULL,
    customer_ref text        NOT NULL CHECK (length(customer_ref) BETWEEN 1 AND 255),
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, provider, customer_id)
);

-- Stored cards by their provider's name for them; no number is ever here. One forgotten stays so.
CREATE TABLE payment_methods (
    tenant_id     bigint      NOT NULL,
    id            uuid        NOT NULL,
    customer_id   uuid        NOT NULL,
    provider      text        NOT NULL,
    method_ref    text        NOT NULL CHECK (length(method_ref) BETWEEN 1 AND 255),
    customer_ref  text        CHECK (length(customer_ref) BETWEEN 1 AND 255),
    brand         text        NOT NULL,
    last4         text        NOT NULL CHECK (length(last4) <= 4),
    expires_year  integer,
    expires_month integer     CHECK (expires_month BETWEEN 1 AND 12),
    is_default    boolean     NOT NULL,
    active        boolean     NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL,
    forgotten_at  timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, provider, method_ref),
    CHECK (active = (forgotten_at IS NULL)),
    CHECK (active OR NOT is_default)
);

CREATE INDEX payment_methods_by_customer ON payment_methods (tenant_id, customer_id, id);
CREATE UNIQUE INDEX payment_methods_one_default ON payment_methods (tenant_id, customer_id) WHERE is_default;

-- What a provider bills by itself. `looks` counts the questions asked about it; only the answer to the newest one moves it.
CREATE TABLE subscriptions (
    tenant_id             bigint      NOT NULL,
    id                    uuid        NOT NULL,
    customer_id           uuid        NOT NULL,
    provider              text        NOT NULL,
    purpose               text        NOT NULL CHECK (length(purpose) BETWEEN 1 AND 100),
    status                text        NOT NULL CHECK (
        status IN ('incomplete', 'trialing', 'active', 'past_due', 'paused', 'cancelled')
    ),
    plan_reference        text        NOT NULL CHECK (length(plan_reference) BETWEEN 1 AND 255),
    subscription_ref      text        CHECK (length(subscription_ref) BETWEEN 1 AND 255),
    page_ref              text        CHECK (length(page_ref) BETWEEN 1 AND 255),
    redirect_url          text,
    period_start          timestamptz,
    period_end            timestamptz,
    cancels_at_period_end boolean     NOT NULL DEFAULT false,
    trial_until           timestamptz,
    looks                 bigint      NOT NULL DEFAULT 0,
    settled_look          bigint      NOT NULL DEFAULT 0,
    polls                 integer     NOT NULL DEFAULT 0,
    look_at               timestamptz,
    created_at            timestamptz NOT NULL,
    ended_at              timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, provider, subscription_ref),
    CHECK ((status = 'cancelled') = (ended_at IS NOT NULL)),
    CHECK (settled_look <= looks)
);

-- What a subscription is for has one at a time.
CREATE UNIQUE INDEX subscriptions_one_a_purpose ON subscriptions (tenant_id, purpose) WHERE status <> 'cancelled';
CREATE INDEX subscriptions_by_customer ON subscriptions (tenant_id, customer_id, id);
CREATE INDEX subscriptions_to_look_at ON subscriptions (tenant_id, look_at) WHERE look_at IS NOT NULL;

-- The bills of subscriptions; a paid one has taken its money once, as a payment of its own.
CREATE TABLE subscription_invoices (
    tenant_id       bigint      NOT NULL,
    id              uuid        NOT NULL,
    subscription_id uuid        NOT NULL,
    provider        text        NOT NULL,
    invoice_ref     text        NOT NULL CHECK (length(invoice_ref) BETWEEN 1 AND 98),
    status          text        NOT NULL CHECK (status IN ('draft', 'open', 'paid', 'void', 'uncollectible')),
    reason          text        NOT NULL CHECK (reason IN ('create', 'cycle', 'update', 'other')),
    total_minor     bigint      NOT NULL,
    paid_minor      bigint      NOT NULL DEFAULT 0 CHECK (paid_minor BETWEEN 0 AND 9007199254740991),
    currency        text        NOT NULL,
    period_start    timestamptz NOT NULL,
    period_end      timestamptz NOT NULL,
    payment_id      uuid,
    failure_code    text,
    attempts        integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_at      timestamptz NOT NULL,
    paid_at         timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, provider, invoice_ref),
    UNIQUE (tenant_id, payment_id),
    FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions (tenant_id, id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    CHECK ((status = 'paid') = (paid_at IS NOT NULL)),
    CHECK ((payment_id IS NOT NULL) = (paid_minor > 0))
);

CREATE INDEX subscription_invoices_by_subscription ON subscription_invoices (tenant_id, subscription_id, id);

-- Payments that their payer's bank takes back. `reserved_minor` is how much of the payment can meanwhile not be refunded.
CREATE TABLE disputes (
    tenant_id       bigint      NOT NULL,
    id              uuid        NOT NULL,
    payment_id      uuid        NOT NULL,
    attempt_id      uuid        NOT NULL,
    provider        text        NOT NULL,
    dispute_ref     text        NOT NULL CHECK (length(dispute_ref) BETWEEN 1 AND 255),
    status          text        NOT NULL CHECK (status IN ('needs_response', 'under_review', 'won', 'lost')),
    amount_minor    bigint      NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
    reserved_minor  bigint      NOT NULL CHECK (reserved_minor BETWEEN 0 AND amount_minor),
    currency        text        NOT NULL,
    reason          text        NOT NULL,
    respond_by      timestamptz,
    opened_entry_id uuid        NOT NULL,
    ended_entry_id  uuid,
    look_at         timestamptz,
    created_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, provider, dispute_ref),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    FOREIGN KEY (tenant_id, attempt_id) REFERENCES payment_attempts (tenant_id, id),
    CHECK ((status IN ('won', 'lost')) = (ended_at IS NOT NULL)),
    CHECK ((ended_at IS NULL) = (ended_entry_id IS NULL))
);

CREATE INDEX disputes_by_payment ON disputes (tenant_id, payment_id);
CREATE INDEX disputes_to_look_at ON disputes (tenant_id, look_at) WHERE look_at IS NOT NULL;

ALTER TABLE inbound_webhooks ADD COLUMN subscription_ref text;
ALTER TABLE inbound_webhooks ADD COLUMN dispute_ref text;
-- The column is new and empty, so the index is made at once.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX inbound_webhooks_of_subscription ON inbound_webhooks (tenant_id, provider, subscription_ref)
    WHERE processed_at IS NULL AND signature_valid AND subscription_ref IS NOT NULL;

GRANT SELECT, INSERT ON provider_customers, payment_methods, subscriptions, subscription_invoices, disputes TO vezne_service;
GRANT UPDATE (customer_ref) ON provider_customers TO vezne_service;
GRANT UPDATE (is_default, active, forgotten_at) ON payment_methods TO vezne_service;
GRANT UPDATE (status, plan_reference, subscription_ref, page_ref, redirect_url, period_start, period_end, cancels_at_period_end,
              trial_until, looks, settled_look, polls, look_at, ended_at) ON subscriptions TO vezne_service;
GRANT UPDATE (status, reason, total_minor, paid_minor, period_start, period_end, payment_id, failure_code, attempts, paid_at)
    ON subscription_invoices TO vezne_service;
GRANT UPDATE (status, reason, respond_by, ended_entry_id, look_at, ended_at) ON disputes TO vezne_service;
GRANT UPDATE (subscription_ref, dispute_ref) ON inbound_webhooks TO vezne_service;
