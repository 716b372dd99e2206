-- Payees: whoever is owed a share of what is sold. The IBAN is kept sealed with the deployment's master key.

CREATE TABLE payees (
    tenant_id      bigint      NOT NULL,
    id             uuid        NOT NULL,
    name           text        NOT NULL,
    reference      text,
    email          text,
    country        text        CHECK (country ~ '^[A-Z]{2}$'),
    locale         text,
    account_holder text,
    iban_sealed    bytea,
    iban_last4     text        CHECK (length(iban_last4) = 4),
    bic            text        CHECK (length(bic) IN (8, 11)),
    active         boolean     NOT NULL,
    metadata       jsonb       NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    CHECK ((iban_sealed IS NULL) = (iban_last4 IS NULL))
);

GRANT SELECT, INSERT ON payees TO vezne_service;
GRANT UPDATE (name, email, country, locale, account_holder, iban_sealed, iban_last4, bic, active, metadata)
    ON payees TO vezne_service;
