-- Credit packs, and what was taken back of credits.

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

GRANT SELECT, INSERT ON wallet_reversals TO vezne_service;
