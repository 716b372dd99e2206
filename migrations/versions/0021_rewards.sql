-- Coins: the rules by which customers are rewarded, every reward and what was taken back of it, what customers spend coins on, and
-- what became of the tenant's coins on each of its days. Balances are the ledger's.

-- Whoever gives or takes a customer's coins locks this row first. `owed_minor` is what could not be taken back.
CREATE TABLE coin_customers (
    tenant_id   bigint      NOT NULL,
    customer_id uuid        NOT NULL,
    owed_minor  bigint      NOT NULL DEFAULT 0 CHECK (owed_minor >= 0),
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, customer_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id)
);

CREATE TABLE reward_rules (
    tenant_id  bigint      NOT NULL,
    id         uuid        NOT NULL,
    trigger    text        NOT NULL CHECK (trigger IN ('course_completion', 'referral', 'streak', 'purchase')),
    activity   text        NOT NULL CHECK ((trigger = 'streak') = (activity <> '')),
    latest     integer     NOT NULL CHECK (latest > 0), -- the number of its newest version
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, trigger, activity)
);

CREATE TABLE reward_rule_versions (
    tenant_id            bigint      NOT NULL,
    rule_id              uuid        NOT NULL,
    version              integer     NOT NULL CHECK (version > 0),
    name                 text        NOT NULL,
    active               boolean     NOT NULL,
    tiers                jsonb       NOT NULL,
    default_tier         text,
    every                text        NOT NULL CHECK (every IN ('day', 'week')),
    bonuses              jsonb       NOT NULL,
    rates                jsonb       NOT NULL,
    customer_day_minor   bigint      CHECK (customer_day_minor BETWEEN 0 AND 9007199254740991),
    customer_week_minor  bigint      CHECK (customer_week_minor BETWEEN 0 AND 9007199254740991),
    customer_total_minor bigint      CHECK (customer_total_minor BETWEEN 0 AND 9007199254740991),
    budget_minor         bigint      CHECK (budget_minor BETWEEN 0 AND 9007199254740991),
    activation_days      integer     NOT NULL CHECK (activation_days BETWEEN 0 AND 365),
    life_days            integer     CHECK (life_days BETWEEN 1 AND 36500),
    valid_from           timestamptz NOT NULL,
    created_at           timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, rule_id, version),
    FOREIGN KEY (tenant_id, rule_id) REFERENCES reward_rules (tenant_id, id)
);

-- What all rules together may give in a period; the newest version holds. Without an amount there is no budget.
CREATE TABLE coin_budgets (
    tenant_id    bigint      NOT NULL,
    version      integer     NOT NULL CHECK (version > 0),
    period       text        NOT NULL CHECK (period IN ('day', 'week', 'month', 'year', 'total')),
    amount_minor bigint      CHECK (amount_minor BETWEEN 0 AND 9007199254740991),
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, version)
);

-- What was given under a limit: of a rule to one customer, of a rule to all (nil customer), of the whole budget (nil rule, too).
CREATE TABLE reward_sums (
    tenant_id   bigint NOT NULL,
    rule_id     uuid   NOT NULL,
    customer_id uuid   NOT NULL,
    period      text   NOT NULL CHECK (period IN ('day', 'week', 'month', 'year', 'total')),
    starts_on   date   NOT NULL,
    given_minor bigint NOT NULL CHECK (given_minor >= 0),
    limit_minor bigint NOT NULL, -- as it was when something was last given
    PRIMARY KEY (tenant_id, rule_id, customer_id, period, starts_on),
    CHECK (given_minor <= limit_minor)
) WITH (fillfactor = 80);

-- `asked_minor` is what the rule (or whoever overrode it) gives, `amount_minor` what the limits left of it; `set_off_minor` of that
-- settled what the customer owed, and the rest was credited. Rewards of nothing are kept as well: they are not given later.
CREATE TABLE rewards (
    tenant_id      bigint      NOT NULL,
    id             uuid        NOT NULL,
    customer_id    uuid        NOT NULL,
    type           text        NOT NULL CHECK (type IN ('course_completion', 'referral', 'referee', 'streak', 'purchase')),
    reference      text        NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    rule_id        uuid,
    rule_version   integer     NOT NULL CHECK (rule_version >= 0),
    tier           text,
    override_minor bigint,
    asked_minor    bigint      NOT NULL CHECK (asked_minor BETWEEN 0 AND 9007199254740991),
    amount_minor   bigint      NOT NULL CHECK (amount_minor BETWEEN 0 AND asked_minor),
    currency       text        NOT NULL,
    status         text        NOT NULL CHECK (status IN ('pending', 'granted', 'capped', 'revoked', 'clawed_back')),
    set_off_minor  bigint      NOT NULL DEFAULT 0 CHECK (set_off_minor BETWEEN 0 AND amount_minor),
    clawed_minor   bigint      NOT NULL DEFAULT 0 CHECK (clawed_minor BETWEEN 0 AND amount_minor),
    cause          text        CHECK (length(cause) BETWEEN 1 AND 200),
    life_days      integer     CHECK (life_days BETWEEN 1 AND 36500),
    description    text        NOT NULL,
    transaction_id uuid,
    due_at         timestamptz,
    granted_at     timestamptz,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, customer_id, type, reference),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES coin_customers (tenant_id, customer_id),
    FOREIGN KEY (tenant_id, rule_id, rule_version) REFERENCES reward_rule_versions (tenant_id, rule_id, version),
    CHECK ((granted_at IS NOT NULL) = (status IN ('granted', 'clawed_back'))),
    CHECK ((transaction_id IS NOT NULL) = (granted_at IS NOT NULL AND amount_minor > set_off_minor)),
    CHECK (status <> 'pending' OR due_at IS NOT NULL),
    CHECK (status <> 'clawed_back' OR clawed_minor = amount_minor),
    CHECK (clawed_minor = 0 OR granted_at IS NOT NULL)
);

CREATE INDEX rewards_by_customer ON rewards (tenant_id, customer_id, id);
CREATE INDEX rewards_by_reference ON rewards (tenant_id, reference);
CREATE INDEX rewards_by_cause ON rewards (tenant_id, cause) WHERE cause IS NOT NULL;
CREATE INDEX rewards_due ON rewards (tenant_id, due_at) WHERE status = 'pending';
CREATE UNIQUE INDEX rewards_transaction ON rewards (tenant_id, transaction_id) WHERE transaction_id IS NOT NULL;

-- What was taken back of a reward, once for each cause: out of the wallet, and what was missing there and is owed.
CREATE TABLE reward_claw_backs (
    tenant_id      bigint      NOT NULL,
    id             uuid        NOT NULL,
    reward_id      uuid        NOT NULL,
    customer_id    uuid        NOT NULL,
    cause          text        NOT NULL CHECK (length(cause) BETWEEN 1 AND 200),
    amount_minor   bigint      NOT NULL CHECK (amount_minor > 0),
    taken_minor    bigint      NOT NULL CHECK (taken_minor >= 0),
    missing_minor  bigint      NOT NULL CHECK (missing_minor >= 0),
    transaction_id uuid,
    reason         text        NOT NULL,
    actor          text        NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reward_id, cause),
    FOREIGN KEY (tenant_id, reward_id) REFERENCES rewards (tenant_id, id),
    CHECK (taken_minor + missing_minor = amount_minor),
    CHECK ((transaction_id IS NOT NULL) = (taken_minor > 0))
);

CREATE INDEX reward_claw_backs_by_customer ON reward_claw_backs (tenant_id, customer_id) WHERE missing_minor > 0;
CREATE UNIQUE INDEX reward_claw_backs_transaction ON reward_claw_backs (tenant_id, transaction_id)
    WHERE transaction_id IS NOT NULL;

-- Who brought whom: a customer is referred once.
CREATE TABLE referrals (
    tenant_id   bigint      NOT NULL,
    referee_id  uuid        NOT NULL,
    referrer_id uuid        NOT NULL CHECK (referrer_id <> referee_id),
    reference   text        NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, referee_id),
    FOREIGN KEY (tenant_id, referee_id) REFERENCES coin_customers (tenant_id, customer_id),
    FOREIGN KEY (tenant_id, referrer_id) REFERENCES coin_customers (tenant_id, customer_id)
);

CREATE INDEX referrals_by_referrer ON referrals (tenant_id, referrer_id);

-- How long a customer has been at it without a gap. A week is named by its Monday.
CREATE TABLE streaks (
    tenant_id   bigint  NOT NULL,
    customer_id uuid    NOT NULL,
    activity    text    NOT NULL,
    every       text    NOT NULL CHECK (every IN ('day', 'week')),
    length      integer NOT NULL CHECK (length > 0),
    best        integer NOT NULL CHECK (best >= length),
    last_on     date    NOT NULL,
    PRIMARY KEY (tenant_id, customer_id, activity, every),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES coin_customers (tenant_id, customer_id)
);

CREATE TABLE streak_days (
    tenant_id   bigint      NOT NULL,
    customer_id uuid        NOT NULL,
    activity    text        NOT NULL,
    every       text        NOT NULL,
    starts_on   date        NOT NULL,
    length      integer     NOT NULL CHECK (length > 0),
    reward_id   uuid,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, customer_id, activity, every, starts_on),
    FOREIGN KEY (tenant_id, customer_id, activity, every) REFERENCES streaks (tenant_id, customer_id, activity, every),
    FOREIGN KEY (tenant_id, reward_id) REFERENCES rewards (tenant_id, id)
);

-- Coins that staff gave or took, and coins that were spent freely; signed.
CREATE TABLE coin_moves (
    tenant_id      bigint      NOT NULL,
    id             uuid        NOT NULL,
    customer_id    uuid        NOT NULL,
    type           text        NOT NULL CHECK (type IN ('adjustment', 'redemption')),
    reference      text        NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    amount_minor   bigint      NOT NULL CHECK (amount_minor <> 0 AND (type = 'adjustment' OR amount_minor < 0)),
    currency       text        NOT NULL,
    reason         text        NOT NULL,
    transaction_id uuid        NOT NULL,
    actor          text        NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, customer_id, type, reference),
    UNIQUE (tenant_id, transaction_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES coin_customers (tenant_id, customer_id)
);

CREATE TABLE vouchers (
    tenant_id    bigint      NOT NULL,
    id           uuid        NOT NULL,
    name         text        NOT NULL,
    description  text        NOT NULL,
    price_minor  bigint      NOT NULL CHECK (price_minor BETWEEN 1 AND 9007199254740991),
    inventory    text        NOT NULL CHECK (inventory IN ('count', 'codes')),
    stocked      integer     NOT NULL CHECK (stocked >= 0), -- all that was ever put in
    redeemed     integer     NOT NULL DEFAULT 0 CHECK (redeemed BETWEEN 0 AND stocked), -- all that is out now
    per_customer integer     CHECK (per_customer > 0),
    starts_at    timestamptz,
    ends_at      timestamptz,
    active       boolean     NOT NULL,
    metadata     jsonb       NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK (ends_at > starts_at)
) WITH (fillfactor = 80);

CREATE TABLE voucher_redemptions (
    tenant_id             bigint      NOT NULL,
    id                    uuid        NOT NULL,
    voucher_id            uuid        NOT NULL,
    customer_id           uuid        NOT NULL,
    reference             text        NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    price_minor           bigint      NOT NULL CHECK (price_minor BETWEEN 1 AND 9007199254740991),
    currency              text        NOT NULL,
    status                text        NOT NULL CHECK (status IN ('redeemed', 'cancelled')),
    restocked             boolean     NOT NULL DEFAULT false,
    transaction_id        uuid        NOT NULL,
    refund_transaction_id uuid,
    reason                text,
    cancelled_by          text,
    cancelled_at          timestamptz,
    created_at            timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, customer_id, reference),
    UNIQUE (tenant_id, transaction_id),
    FOREIGN KEY (tenant_id, voucher_id) REFERENCES vouchers (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES coin_customers (tenant_id, customer_id),
    CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CHECK ((status = 'cancelled') = (refund_transaction_id IS NOT NULL)),
    CHECK (status = 'cancelled' OR NOT restocked)
);

CREATE INDEX voucher_redemptions_by_voucher ON voucher_redemptions (tenant_id, voucher_id, id);
CREATE INDEX voucher_redemptions_by_customer ON voucher_redemptions (tenant_id, customer_id, voucher_id);
CREATE UNIQUE INDEX voucher_redemptions_refund ON voucher_redemptions (tenant_id, refund_transaction_id)
    WHERE refund_transaction_id IS NOT NULL;

-- Codes are unreadable without the deployment's master key; `digest` only finds out that one was uploaded before. A code that was
-- given and came back may be given again: `redemption_id` is the one that has it now.
CREATE TABLE voucher_codes (
    tenant_id     bigint      NOT NULL,
    id            uuid        NOT NULL,
    voucher_id    uuid        NOT NULL,
    digest        bytea       NOT NULL,
    sealed_code   bytea       NOT NULL,
    redemption_id uuid,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, voucher_id, digest),
    FOREIGN KEY (tenant_id, voucher_id) REFERENCES vouchers (tenant_id, id),
    FOREIGN KEY (tenant_id, redemption_id) REFERENCES voucher_redemptions (tenant_id, id)
);

CREATE INDEX voucher_codes_free ON voucher_codes (tenant_id, voucher_id, id) WHERE redemption_id IS NULL;
CREATE UNIQUE INDEX voucher_codes_given ON voucher_codes (tenant_id, redemption_id) WHERE redemption_id IS NOT NULL;

-- Where the daily summaries of a tenant stand: the next one counts from `begins_at`, and is made once `due_at` has come.
CREATE TABLE coin_days (
    tenant_id bigint      NOT NULL,
    next_on   date,
    begins_at timestamptz NOT NULL,
    due_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id)
);

CREATE INDEX coin_days_due ON coin_days (due_at);

INSERT INTO coin_days (tenant_id, begins_at, due_at)
SELECT tenant_id, min(created_at), min(created_at) FROM wallets WHERE kind = 'coins' GROUP BY tenant_id;

-- What became of the tenant's coins on a day, a currency each. Sums are never negative; `difference_minor` is what the sums
-- say less what the ledger says, and nothing when all is well.
CREATE TABLE coin_summaries (
    tenant_id            bigint      NOT NULL,
    day                  date        NOT NULL,
    currency             text        NOT NULL,
    begins_at            timestamptz NOT NULL,
    ends_at              timestamptz NOT NULL CHECK (ends_at >= begins_at),
    opening_minor        bigint      NOT NULL,
    granted              integer     NOT NULL CHECK (granted >= 0),
    granted_minor        bigint      NOT NULL CHECK (granted_minor >= 0),
    clawed_back          integer     NOT NULL CHECK (clawed_back >= 0),
    clawed_back_minor    bigint      NOT NULL CHECK (clawed_back_minor >= 0),
    adjusted_up          integer     NOT NULL CHECK (adjusted_up >= 0),
    adjusted_up_minor    bigint      NOT NULL CHECK (adjusted_up_minor >= 0),
    adjusted_down        integer     NOT NULL CHECK (adjusted_down >= 0),
    adjusted_down_minor  bigint      NOT NULL CHECK (adjusted_down_minor >= 0),
    redeemed             integer     NOT NULL CHECK (redeemed >= 0),
    redeemed_minor       bigint      NOT NULL CHECK (redeemed_minor >= 0),
    returned             integer     NOT NULL CHECK (returned >= 0),
    returned_minor       bigint      NOT NULL CHECK (returned_minor >= 0),
    expired              integer     NOT NULL CHECK (expired >= 0),
    expired_minor        bigint      NOT NULL CHECK (expired_minor >= 0),
    other_in             integer     NOT NULL CHECK (other_in >= 0),
    other_in_minor       bigint      NOT NULL CHECK (other_in_minor >= 0),
    other_out            integer     NOT NULL CHECK (other_out >= 0),
    other_out_minor      bigint      NOT NULL CHECK (other_out_minor >= 0),
    balance_minor        bigint      NOT NULL,
    difference_minor     bigint      NOT NULL,
    created_at           timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, day, currency)
);

GRANT SELECT, INSERT ON coin_customers, reward_rules, reward_rule_versions, coin_budgets, reward_sums, rewards, reward_claw_backs,
    referrals, streaks, streak_days, coin_moves, vouchers, voucher_redemptions, voucher_codes, coin_days, coin_summaries
    TO vezne_service;
GRANT UPDATE (owed_minor) ON coin_customers TO vezne_service;
GRANT UPDATE (latest) ON reward_rules TO vezne_service;
GRANT UPDATE (given_minor, limit_minor) ON reward_sums TO vezne_service;
GRANT UPDATE (status, amount_minor, set_off_minor, clawed_minor, transaction_id, due_at, granted_at) ON rewards TO vezne_service;
GRANT UPDATE (length, best, last_on) ON streaks TO vezne_service;
GRANT UPDATE (name, description, price_minor, stocked, redeemed, per_customer, starts_at, ends_at, active, metadata)
    ON vouchers TO vezne_service;
GRANT UPDATE (status, restocked, refund_transaction_id, reason, cancelled_by, cancelled_at) ON voucher_redemptions TO vezne_service;
GRANT UPDATE (redemption_id) ON voucher_codes TO vezne_service;
GRANT UPDATE (next_on, begins_at, due_at) ON coin_days TO vezne_service;
