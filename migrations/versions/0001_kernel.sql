-- What every slice stands on: events (which are also the audit log), idempotency keys, held clocks.

CREATE TABLE events (
    tenant_id   bigint      NOT NULL,
    id          uuid        NOT NULL,
    type        text        NOT NULL,
    subject     text        NOT NULL,
    payload     jsonb       NOT NULL,
    actor       text        NOT NULL,
    request_id  text,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE idempotency_keys (
    tenant_id    bigint      NOT NULL,
    key          text        NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea       NOT NULL,
    status       smallint,
    body         bytea,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);

CREATE TABLE clocks (
    tenant_id bigint      NOT NULL,
    held_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id)
);

GRANT SELECT, INSERT ON events TO vezne_service;
GRANT SELECT, INSERT ON idempotency_keys TO vezne_service;
GRANT UPDATE (status, body) ON idempotency_keys TO vezne_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON clocks TO vezne_service;
