-- What is owed to payees: settlements of what was sold for them, every later move of one, payouts, and the files banks are given.

-- A payee's two ledger accounts of a currency. Whoever asks for a payout counts it here: payouts of a payee take turns.
CREATE TABLE payee_accounts (
    tenant_id       bigint      NOT NULL,
    payee_id        uuid        NOT NULL,
    currency        text        NOT NULL,
    account         bigint      NOT NULL,
    reserve_account bigint      NOT NULL,
    payouts         integer     NOT NULL DEFAULT 0 CHECK (payouts >= 0),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, payee_id, currency),
    UNIQUE (tenant_id, account),
    UNIQUE (tenant_id, reserve_account),
    FOREIGN KEY (tenant_id, payee_id) REFERENCES payees (tenant_id, id),
    FOREIGN KEY (tenant_id, account) REFERENCES accounts (tenant_id, number),
    FOREIGN KEY (tenant_id, reserve_account) REFERENCES accounts (tenant_id, number)
);

-- `clawed_minor` is how much of the gross was taken back; of a gross of nothing, 1 stands for all of it.
CREATE TABLE settlements (
    tenant_id          bigint      NOT NULL,
    id                 uuid        NOT NULL,
    line_id            uuid        NOT NULL,
    order_id           uuid        NOT NULL,
    payee_id           uuid        NOT NULL,
    currency           text        NOT NULL,
    gross_minor        bigint      NOT NULL CHECK (gross_minor BETWEEN 0 AND 9007199254740991),
    share_minor        bigint      NOT NULL,
    fee_minor          bigint      NOT NULL,
    reserve_minor      bigint      NOT NULL CHECK (reserve_minor BETWEEN 0 AND greatest(share_minor, 0)),
    clawed_minor       bigint      NOT NULL DEFAULT 0 CHECK (clawed_minor BETWEEN 0 AND greatest(gross_minor, 1)),
    clawed_share_minor bigint      NOT NULL DEFAULT 0,
    fee_rule_id        uuid,
    fee_rule_version   integer     NOT NULL,
    percentage         integer     NOT NULL,
    description        text        NOT NULL,
    release_at         timestamptz,
    released_at        timestamptz,
    created_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, line_id),
    FOREIGN KEY (tenant_id, payee_id, currency) REFERENCES payee_accounts (tenant_id, payee_id, currency),
    CHECK (gross_minor = share_minor + fee_minor),
    CHECK ((release_at IS NULL) = (reserve_minor = 0)),
    CHECK (released_at IS NULL OR release_at IS NOT NULL)
);

CREATE INDEX settlements_by_payee ON settlements (tenant_id, payee_id, id);
CREATE INDEX settlements_by_order ON settlements (tenant_id, order_id);
CREATE INDEX settlements_reserved ON settlements (tenant_id, release_at) WHERE release_at IS NOT NULL AND released_at IS NULL;

CREATE TABLE payouts (
    tenant_id      bigint      NOT NULL,
    id             uuid        NOT NULL,
    payee_id       uuid        NOT NULL,
    currency       text        NOT NULL,
    number         integer     NOT NULL CHECK (number > 0),
    amount_minor   bigint      NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
    status         text        NOT NULL CHECK (status IN ('requested', 'approved', 'sent', 'paid', 'rejected', 'failed')),
    note           text        NOT NULL,
    requested_by   text        NOT NULL,
    requested_at   timestamptz NOT NULL,
    decided_by     text,
    decided_at     timestamptz,
    sent_by        text,
    sent_at        timestamptz,
    ended_by       text,
    ended_at       timestamptz,
    reason         text,
    bank_reference text,
    file_id        uuid,
    entry_id       uuid        NOT NULL,
    end_entry_id   uuid,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, payee_id, currency, number),
    FOREIGN KEY (tenant_id, payee_id, currency) REFERENCES payee_accounts (tenant_id, payee_id, currency),
    CHECK (decided_by <> requested_by),
    CHECK ((status = 'requested') = (decided_at IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL)),
    CHECK ((sent_at IS NULL) = (status IN ('requested', 'approved', 'rejected'))),
    CHECK ((ended_at IS NULL) = (status IN ('requested', 'approved', 'sent'))),
    CHECK ((ended_at IS NULL) = (end_entry_id IS NULL))
);

CREATE INDEX payouts_by_payee ON payouts (tenant_id, payee_id, id);
CREATE INDEX payouts_under_way ON payouts (tenant_id, payee_id, currency) WHERE status IN ('requested', 'approved', 'sent');

-- All that ever changed what a settlement gives: the sale, claw-backs, what was given again, the release of its reserve.
-- Once for each cause. Signed: positive is more for the payee, for the platform (fee), for what was paid for (gross).
-- Only `payout_id` changes: the live payout, at most one, that takes this move's part of the payee's account along.
CREATE TABLE settlement_moves (
    tenant_id     bigint      NOT NULL,
    id            uuid        NOT NULL,
    settlement_id uuid        NOT NULL,
    payee_id      uuid        NOT NULL,
    currency      text        NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('sale', 'claw_back', 'given_again', 'release')),
    cause         text        NOT NULL CHECK (length(cause) BETWEEN 1 AND 200),
    gross_minor   bigint      NOT NULL,
    share_minor   bigint      NOT NULL,
    fee_minor     bigint      NOT NULL,
    payee_minor   bigint      NOT NULL,
    reserve_minor bigint      NOT NULL,
    entry_id      uuid,
    payout_id     uuid,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, settlement_id, kind, cause),
    FOREIGN KEY (tenant_id, settlement_id) REFERENCES settlements (tenant_id, id),
    FOREIGN KEY (tenant_id, payout_id) REFERENCES payouts (tenant_id, id),
    CHECK (gross_minor = share_minor + fee_minor),
    CHECK (share_minor = payee_minor + reserve_minor)
);

CREATE UNIQUE INDEX settlement_moves_one_sale ON settlement_moves (tenant_id, settlement_id) WHERE kind = 'sale';
CREATE UNIQUE INDEX settlement_moves_one_release ON settlement_moves (tenant_id, settlement_id) WHERE kind = 'release';
CREATE INDEX settlement_moves_unpaid ON settlement_moves (tenant_id, payee_id, currency, settlement_id)
    WHERE payout_id IS NULL AND payee_minor <> 0;
CREATE INDEX settlement_moves_by_payout ON settlement_moves (tenant_id, payout_id) WHERE payout_id IS NOT NULL;

-- Which moves a payout pays, kept also when it failed. `live` until it was rejected or failed: a move, and so the sale of a
-- settlement, is in one live payout at most.
CREATE TABLE payout_items (
    tenant_id     bigint  NOT NULL,
    payout_id     uuid    NOT NULL,
    move_id       uuid    NOT NULL,
    settlement_id uuid    NOT NULL,
    kind          text    NOT NULL,
    amount_minor  bigint  NOT NULL CHECK (amount_minor <> 0),
    live          boolean NOT NULL DEFAULT true,
    PRIMARY KEY (tenant_id, payout_id, move_id),
    FOREIGN KEY (tenant_id, payout_id) REFERENCES payouts (tenant_id, id),
    FOREIGN KEY (tenant_id, move_id) REFERENCES settlement_moves (tenant_id, id)
);

CREATE UNIQUE INDEX payout_items_paid_once ON payout_items (tenant_id, move_id) WHERE live;
CREATE UNIQUE INDEX payout_items_settled_once ON payout_items (tenant_id, settlement_id) WHERE live AND kind = 'sale';
CREATE INDEX payout_items_by_settlement ON payout_items (tenant_id, settlement_id);

-- What a bank was given. The content names accounts: it is unreadable without the deployment's master key.
CREATE TABLE payout_files (
    tenant_id      bigint      NOT NULL,
    id             uuid        NOT NULL,
    format         text        NOT NULL CHECK (format IN ('csv', 'pain001')),
    name           text        NOT NULL,
    sealed_content bytea       NOT NULL,
    created_by     text        NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE payout_file_lines (
    tenant_id bigint  NOT NULL,
    file_id   uuid    NOT NULL,
    number    integer NOT NULL CHECK (number > 0),
    payout_id uuid    NOT NULL,
    PRIMARY KEY (tenant_id, file_id, number),
    UNIQUE (tenant_id, file_id, payout_id),
    FOREIGN KEY (tenant_id, file_id) REFERENCES payout_files (tenant_id, id),
    FOREIGN KEY (tenant_id, payout_id) REFERENCES payouts (tenant_id, id)
);

GRANT SELECT, INSERT ON payee_accounts, settlements, settlement_moves, payouts, payout_items, payout_files, payout_file_lines
    TO vezne_service;
GRANT UPDATE (payouts) ON payee_accounts TO vezne_service;
GRANT UPDATE (clawed_minor, clawed_share_minor, released_at) ON settlements TO vezne_service;
GRANT UPDATE (payout_id) ON settlement_moves TO vezne_service;
GRANT UPDATE (status, decided_by, decided_at, sent_by, sent_at, ended_by, ended_at, reason, bank_reference, file_id, end_entry_id)
    ON payouts TO vezne_service;
GRANT UPDATE (live) ON payout_items TO vezne_service;
