-- Stored value: wallets, their lots, what is held back, and what a wallet did in a day. Balances are the ledger's.

CREATE TABLE wallets (
    tenant_id              bigint      NOT NULL,
    id                     uuid        NOT NULL,
    customer_id            uuid        NOT NULL,
    kind                   text        NOT NULL,
    currency               text        NOT NULL,
    label                  text        NOT NULL DEFAULT 'main' CHECK (label ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    account                bigint, -- set in the transaction that makes the wallet: nobody else ever sees it empty
    status                 text        NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'frozen', 'closed')),
    max_transaction_minor  bigint      CHECK (max_transaction_minor > 0),
    max_daily_minor        bigint      CHECK (max_daily_minor > 0),
    max_daily_transactions integer     CHECK (max_daily_transactions > 0),
    low_balance_minor      bigint      CHECK (low_balance_minor > 0),
    created_at             timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, customer_id, kind, currency, label),
    UNIQUE (tenant_id, account),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id)
);

-- A row is locked only where a daily limit applies.
CREATE TABLE wallet_days (
    tenant_id    bigint  NOT NULL,
    wallet_id    uuid    NOT NULL,
    day          date    NOT NULL,
    transactions integer NOT NULL DEFAULT 0 CHECK (transactions >= 0),
    amount_minor bigint  NOT NULL DEFAULT 0 CHECK (amount_minor >= 0),
    PRIMARY KEY (tenant_id, wallet_id, day)
);

-- A grant of stored value with its type, origin and expiry. Guarded by the lock on the wallet's ledger account.
CREATE TABLE lots (
    tenant_id       bigint      NOT NULL,
    id              uuid        NOT NULL,
    wallet_id       uuid        NOT NULL,
    type            text        NOT NULL CHECK (type IN ('purchased', 'membership', 'promotional', 'refunded')),
    origin          text        NOT NULL,
    amount_minor    bigint      NOT NULL CHECK (amount_minor > 0),
    remaining_minor bigint      NOT NULL CHECK (remaining_minor BETWEEN 0 AND amount_minor),
    held_minor      bigint      NOT NULL DEFAULT 0 CHECK (held_minor BETWEEN 0 AND remaining_minor),
    granted_at      timestamptz NOT NULL,
    expires_at      timestamptz,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 80);

CREATE INDEX lots_spendable ON lots (tenant_id, wallet_id, granted_at) WHERE remaining_minor > 0;
CREATE INDEX lots_expiring ON lots (tenant_id, expires_at) WHERE remaining_minor > 0 AND expires_at IS NOT NULL;

-- Which entry took from, or put into, which lot; `position` is the order of taking, so that a refund can go back the same way.
CREATE TABLE lot_moves (
    tenant_id   bigint   NOT NULL,
    entry_id    uuid     NOT NULL,
    lot_id      uuid     NOT NULL,
    position    smallint NOT NULL,
    delta_minor bigint   NOT NULL CHECK (delta_minor <> 0),
    PRIMARY KEY (tenant_id, entry_id, lot_id)
);

CREATE INDEX lot_moves_lot ON lot_moves (tenant_id, lot_id);

CREATE TABLE holds (
    tenant_id      bigint      NOT NULL,
    id             uuid        NOT NULL,
    wallet_id      uuid        NOT NULL,
    status         text        NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'captured', 'released', 'expired')),
    amount_minor   bigint      NOT NULL CHECK (amount_minor > 0),
    captured_minor bigint      NOT NULL DEFAULT 0 CHECK (captured_minor >= 0),
    released_minor bigint      NOT NULL DEFAULT 0 CHECK (released_minor >= 0),
    reference_type text,
    reference_id   text,
    description    text        NOT NULL,
    metadata       jsonb       NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, wallet_id) REFERENCES wallets (tenant_id, id),
    CHECK (captured_minor + released_minor <= amount_minor),
    CHECK ((status = 'open') = (captured_minor + released_minor < amount_minor))
);

CREATE INDEX holds_wallet ON holds (tenant_id, wallet_id, id);
CREATE INDEX holds_open ON holds (tenant_id, expires_at) WHERE status = 'open';

-- What of a lot a hold reserves; rows shrink to zero as the hold is captured or released.
CREATE TABLE hold_lots (
    tenant_id    bigint   NOT NULL,
    hold_id      uuid     NOT NULL,
    lot_id       uuid     NOT NULL,
    position     smallint NOT NULL,
    amount_minor bigint   NOT NULL CHECK (amount_minor >= 0),
    PRIMARY KEY (tenant_id, hold_id, lot_id),
    FOREIGN KEY (tenant_id, hold_id) REFERENCES holds (tenant_id, id)
);

-- Which entry gave back how much of which debit.
CREATE TABLE wallet_refunds (
    tenant_id         bigint NOT NULL,
    refunded_entry_id uuid   NOT NULL,
    entry_id          uuid   NOT NULL,
    amount_minor      bigint NOT NULL CHECK (amount_minor > 0),
    PRIMARY KEY (tenant_id, refunded_entry_id, entry_id)
);

GRANT SELECT, INSERT ON wallets TO vezne_service;
GRANT UPDATE (account, status, max_transaction_minor, max_daily_minor, max_daily_transactions, low_balance_minor)
    ON wallets TO vezne_service;
GRANT SELECT, INSERT ON wallet_days, lots, holds, hold_lots TO vezne_service;
GRANT UPDATE (transactions, amount_minor) ON wallet_days TO vezne_service;
GRANT UPDATE (remaining_minor, held_minor) ON lots TO vezne_service;
GRANT UPDATE (status, captured_minor, released_minor) ON holds TO vezne_service;
GRANT UPDATE (amount_minor) ON hold_lots TO vezne_service;
GRANT SELECT, INSERT ON lot_moves, wallet_refunds TO vezne_service;
