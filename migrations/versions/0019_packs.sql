-- Credit packs, what orders granted of them, and what was taken back of credits.

-- What was taken back of which credit, once for a cause. No entry where nothing was there to take.
CREATE TABLE wallet_reversals (
    tenant_id         bigint NOT NULL,
    reversed_entry_id uuid   NOT NULL,
    cause             text   NOT NULL,
    entry_id          uuid,
    asked_minor       bigint NOT NULL CHECK (asked_minor >= 0),
    amount_minor      bigint NOT NULL CHECK (amount_minor BETWEEN 0 AND asked_minor),
    PRIMARY KEY (tenant_id, reversed_entry_id, cause),
    CHECK ((entry_id IS NULL) = (amount_minor = 0))
);

-- What an item that is a pack puts into a wallet. The item has its name, prices and time of sale.
CREATE TABLE packs (
    tenant_id   bigint  NOT NULL,
    item_id     uuid    NOT NULL,
    wallet_kind text    NOT NULL CHECK (wallet_kind IN ('credits', 'coins')),
    unit        text    NOT NULL,
    manner      text    NOT NULL CHECK (manner IN ('fixed', 'tiered', 'chosen')),
    units       bigint  CHECK (units BETWEEN 1 AND 1000000000),
    per_units   bigint  NOT NULL CHECK (per_units BETWEEN 1 AND 1000000000), -- how many units a price is for
    tiers       jsonb   NOT NULL,
    min_units   bigint  NOT NULL CHECK (min_units >= 1),
    max_units   bigint  NOT NULL CHECK (max_units BETWEEN min_units AND 1000000000),
    bonus_units bigint  NOT NULL CHECK (bonus_units BETWEEN 0 AND 1000000000),
    life_days   integer CHECK (life_days BETWEEN 1 AND 36500),
    PRIMARY KEY (tenant_id, item_id),
    FOREIGN KEY (tenant_id, item_id) REFERENCES items (tenant_id, id),
    CHECK ((manner = 'fixed') = (units IS NOT NULL))
);

-- Which credit a line of an order has granted for which cause. A refund takes its units back from these.
CREATE TABLE pack_grants (
    tenant_id      bigint NOT NULL,
    line_id        uuid   NOT NULL,
    cause          text   NOT NULL,
    transaction_id uuid   NOT NULL,
    units          bigint NOT NULL CHECK (units > 0),
    PRIMARY KEY (tenant_id, line_id, cause),
    FOREIGN KEY (tenant_id, line_id) REFERENCES order_lines (tenant_id, id)
);

GRANT SELECT, INSERT ON wallet_reversals, packs, pack_grants TO vezne_service;
GRANT UPDATE (units, per_units, tiers, min_units, max_units, bonus_units, life_days) ON packs TO vezne_service;
