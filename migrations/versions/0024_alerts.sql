-- Alerts: customers whose activity is unusual, for a person to look at and decide. An alert changes nothing by itself.

-- `facts`: what was counted, against which threshold. `subject`: the public id of what it is about, where there is one.
CREATE TABLE alerts (
    tenant_id   bigint      NOT NULL,
    id          uuid        NOT NULL,
    customer_id uuid        NOT NULL,
    rule        text        NOT NULL CHECK (rule ~ '^[a-z][a-z_]{1,39}$'),
    subject     text        NOT NULL,
    facts       jsonb       NOT NULL,
    status      text        NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'dismissed', 'confirmed')),
    raised_at   timestamptz NOT NULL,
    decided_at  timestamptz,
    decided_by  text,
    note        text        NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    CHECK ((status = 'open') = (decided_at IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL))
);

-- While one is open, the same is not told again.
CREATE UNIQUE INDEX alerts_one_open ON alerts (tenant_id, customer_id, rule) WHERE status = 'open';
CREATE INDEX alerts_by_customer ON alerts (tenant_id, customer_id, id);

GRANT SELECT, INSERT ON alerts TO vezne_service;
GRANT UPDATE (status, decided_at, decided_by, note) ON alerts TO vezne_service;
