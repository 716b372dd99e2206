-- Promotions, the codes that carry them, and what became of each use of a code.

-- What a code gives. Of the terms, what decides an amount never changes: what was promised stays what it was.
-- Amounts by currency, in minor units; percentages in hundredths of a percent. Empty lists restrict nothing.
-- `uses` is kept where `max_uses` is set: reserved and redeemed ones together. Elsewhere nobody waits for this row.
CREATE TABLE promotions (
    tenant_id             bigint      NOT NULL,
    id                    uuid        NOT NULL,
    name                  text        NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    kind                  text        NOT NULL CHECK (kind IN ('percentage', 'fixed', 'bonus_credits', 'free_trial')),
    percentage            integer     CHECK (percentage BETWEEN 1 AND 100000),
    cap_minor             jsonb       NOT NULL,
    amount_minor          jsonb       NOT NULL,
    bonus_units           bigint      CHECK (bonus_units BETWEEN 1 AND 9007199254740991),
    trial_days            integer     CHECK (trial_days BETWEEN 1 AND 3650),
    stackable             boolean     NOT NULL,
    priority              integer     NOT NULL,
    starts_at             timestamptz,
    ends_at               timestamptz,
    max_uses              bigint      CHECK (max_uses > 0),
    max_uses_per_customer integer     CHECK (max_uses_per_customer > 0),
    minimum_minor         jsonb       NOT NULL,
    currencies            text[]      NOT NULL,
    item_ids              uuid[]      NOT NULL,
    plan_ids              uuid[]      NOT NULL,
    line_kinds            text[]      NOT NULL,
    first_purchase_only   boolean     NOT NULL,
    listed_only           boolean     NOT NULL,
    customer_metadata     jsonb       NOT NULL,
    metadata              jsonb       NOT NULL,
    active                boolean     NOT NULL,
    uses                  bigint      NOT NULL DEFAULT 0,
    created_at            timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK (uses BETWEEN 0 AND coalesce(max_uses, 0)),
    CHECK (ends_at > starts_at),
    CHECK (kind <> 'percentage' OR (percentage IS NOT NULL AND percentage <= 10000)),
    CHECK (kind <> 'bonus_credits' OR (percentage IS NULL) <> (bonus_units IS NULL)),
    CHECK ((kind = 'free_trial') = (trial_days IS NOT NULL))
);

-- Who may use a promotion that is for some customers only.
CREATE TABLE promotion_customers (
    tenant_id    bigint NOT NULL,
    promotion_id uuid   NOT NULL,
    customer_id  uuid   NOT NULL,
    PRIMARY KEY (tenant_id, promotion_id, customer_id),
    FOREIGN KEY (tenant_id, promotion_id) REFERENCES promotions (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id)
);

-- `folded` is what is left of a code without case and strokes: that is what is looked up, and what is unique.
CREATE TABLE promo_codes (
    tenant_id    bigint      NOT NULL,
    id           uuid        NOT NULL,
    promotion_id uuid        NOT NULL,
    code         text        NOT NULL CHECK (length(code) BETWEEN 3 AND 64),
    folded       text        NOT NULL CHECK (length(folded) BETWEEN 3 AND 64),
    max_uses     bigint      CHECK (max_uses > 0),
    uses         bigint      NOT NULL DEFAULT 0,
    active       boolean     NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, folded),
    FOREIGN KEY (tenant_id, promotion_id) REFERENCES promotions (tenant_id, id),
    CHECK (uses BETWEEN 0 AND coalesce(max_uses, 0))
);

CREATE INDEX promo_codes_by_promotion ON promo_codes (tenant_id, promotion_id, id);

-- How often somebody has used a promotion. `identity` is a keyed hash of the customer's id, of the mailbox behind the e-mail
-- address, or of the telephone number: it is of no use to whoever reads it.
CREATE TABLE promo_identity_uses (
    tenant_id    bigint  NOT NULL,
    promotion_id uuid    NOT NULL,
    identity     bytea   NOT NULL,
    uses         integer NOT NULL CHECK (uses >= 0),
    PRIMARY KEY (tenant_id, promotion_id, identity),
    FOREIGN KEY (tenant_id, promotion_id) REFERENCES promotions (tenant_id, id)
);

-- One use of one code by one order: reserved while the order waits, redeemed when it is paid, released when it ends unpaid.
-- `line_discounts`: what it takes off which line, by the line's number. `bonus_taken`: what of the bonus came back by refunds;
-- `bonus_missing`: what should have come back too and had been spent.
CREATE TABLE promo_redemptions (
    tenant_id            bigint      NOT NULL,
    id                   uuid        NOT NULL,
    promotion_id         uuid        NOT NULL,
    code_id              uuid        NOT NULL,
    order_id             uuid        NOT NULL,
    customer_id          uuid        NOT NULL,
    status               text        NOT NULL CHECK (status IN ('reserved', 'redeemed', 'released')),
    currency             text        NOT NULL,
    discount_minor       bigint      NOT NULL CHECK (discount_minor BETWEEN 0 AND 9007199254740991),
    order_minor          bigint      NOT NULL CHECK (order_minor BETWEEN 0 AND 9007199254740991),
    line_discounts       jsonb       NOT NULL,
    lines                integer[]   NOT NULL,
    trial_days           integer     NOT NULL CHECK (trial_days >= 0),
    bonus_units          bigint      NOT NULL CHECK (bonus_units >= 0),
    bonus_transaction_id uuid,
    bonus_taken          bigint      NOT NULL DEFAULT 0,
    bonus_missing        bigint      NOT NULL DEFAULT 0,
    bonus_moves          integer     NOT NULL DEFAULT 0,
    identities           bytea[]     NOT NULL,
    reserved_at          timestamptz NOT NULL,
    redeemed_at          timestamptz,
    released_at          timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, order_id, promotion_id),
    FOREIGN KEY (tenant_id, promotion_id) REFERENCES promotions (tenant_id, id),
    FOREIGN KEY (tenant_id, code_id) REFERENCES promo_codes (tenant_id, id),
    CHECK ((status = 'redeemed') = (redeemed_at IS NOT NULL)),
    CHECK (status <> 'released' OR released_at IS NOT NULL),
    CHECK (bonus_taken >= 0 AND bonus_missing >= 0 AND bonus_taken + bonus_missing <= bonus_units),
    CHECK (bonus_transaction_id IS NULL OR bonus_units > 0)
);

CREATE INDEX promo_redemptions_by_promotion ON promo_redemptions (tenant_id, promotion_id, id);
CREATE INDEX promo_redemptions_by_code ON promo_redemptions (tenant_id, code_id, id);
CREATE INDEX promo_redemptions_by_customer ON promo_redemptions (tenant_id, customer_id, id);

-- What promo codes took off a line; its amount is what is left.
ALTER TABLE order_lines ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0;
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE order_lines ADD CONSTRAINT order_lines_discount_check CHECK (discount_minor BETWEEN 0 AND 9007199254740991);

-- A line that a discount of the platform's made free still earns its payee a share: of a gross of nothing, so many parts (its
-- seats) may be clawed back one by one.
ALTER TABLE settlements ADD COLUMN parts integer NOT NULL DEFAULT 1;
-- squawk-ignore ban-drop-constraint
ALTER TABLE settlements DROP CONSTRAINT settlements_check1;
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE settlements ADD CONSTRAINT settlements_clawed_check
    CHECK (parts > 0 AND clawed_minor BETWEEN 0 AND CASE WHEN gross_minor = 0 THEN parts ELSE gross_minor END);

GRANT SELECT, INSERT ON promotions, promotion_customers, promo_codes, promo_identity_uses, promo_redemptions TO vezne_service;
GRANT DELETE ON promotion_customers TO vezne_service;
GRANT UPDATE (name, starts_at, ends_at, max_uses, max_uses_per_customer, listed_only, metadata, active, uses) ON promotions
    TO vezne_service;
GRANT UPDATE (max_uses, active, uses) ON promo_codes TO vezne_service;
GRANT UPDATE (uses) ON promo_identity_uses TO vezne_service;
GRANT UPDATE (status, redeemed_at, released_at, bonus_transaction_id, bonus_taken, bonus_missing, bonus_moves)
    ON promo_redemptions TO vezne_service;
