-- The catalogue: what can be sold, at which prices, and what the platform keeps of it. Prices and the versions of fee rules
-- are only ever added to.

CREATE TABLE fee_rules (
    tenant_id  bigint      NOT NULL,
    id         uuid        NOT NULL,
    latest     integer     NOT NULL CHECK (latest > 0), -- the number of its newest version
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE fee_rule_versions (
    tenant_id         bigint      NOT NULL,
    fee_rule_id       uuid        NOT NULL,
    version           integer     NOT NULL CHECK (version > 0),
    name              text        NOT NULL,
    percentage        integer     NOT NULL CHECK (percentage BETWEEN 0 AND 10000), -- hundredths of a percent
    fixed_minor       jsonb       NOT NULL,
    minimum_minor     jsonb       NOT NULL,
    maximum_minor     jsonb       NOT NULL,
    tiers             jsonb       NOT NULL,
    fee_borne_by      text        NOT NULL CHECK (fee_borne_by IN ('buyer', 'payee')),
    discount_borne_by text        NOT NULL CHECK (discount_borne_by IN ('payee', 'platform')),
    valid_from        timestamptz NOT NULL,
    created_at        timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, fee_rule_id, version),
    FOREIGN KEY (tenant_id, fee_rule_id) REFERENCES fee_rules (tenant_id, id)
);

CREATE TABLE items (
    tenant_id     bigint      NOT NULL,
    id            uuid        NOT NULL,
    name          text        NOT NULL,
    description   text        NOT NULL,
    kind          text        NOT NULL,
    payee_id      uuid,
    fee_rule_id   uuid,
    per           text        NOT NULL CHECK (per IN ('unit', 'day', 'hour')),
    accepts       text[]      NOT NULL,
    on_sale_from  timestamptz,
    on_sale_until timestamptz,
    max_per_order integer     CHECK (max_per_order > 0),
    active        boolean     NOT NULL,
    metadata      jsonb       NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, payee_id) REFERENCES payees (tenant_id, id),
    FOREIGN KEY (tenant_id, fee_rule_id) REFERENCES fee_rules (tenant_id, id),
    CHECK (on_sale_until > on_sale_from)
);

CREATE INDEX items_by_payee ON items (tenant_id, payee_id, id);

CREATE TABLE item_prices (
    tenant_id    bigint      NOT NULL,
    item_id      uuid        NOT NULL,
    number       integer     NOT NULL CHECK (number > 0), -- the item's own count; the newest of a currency is its price
    currency     text        NOT NULL,
    amount_minor bigint      CHECK (amount_minor BETWEEN 0 AND 9007199254740991), -- of one unit, day or hour; null: withdrawn
    set_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, item_id, number),
    FOREIGN KEY (tenant_id, item_id) REFERENCES items (tenant_id, id)
);

CREATE INDEX item_prices_newest ON item_prices (tenant_id, item_id, currency, number);

GRANT SELECT, INSERT ON fee_rules, fee_rule_versions, items, item_prices TO vezne_service;
GRANT UPDATE (latest) ON fee_rules TO vezne_service;
GRANT UPDATE (name, description, kind, payee_id, fee_rule_id, per, accepts, on_sale_from, on_sale_until, max_per_order, active, metadata)
    ON items TO vezne_service;
