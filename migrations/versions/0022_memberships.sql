-- Memberships: plans with their prices, who has one, and each period of it as it was billed.

-- What a period is (interval, count) and which family it belongs to never change: running memberships are reckoned by them.
CREATE TABLE plans (
    tenant_id          bigint      NOT NULL,
    id                 uuid        NOT NULL,
    name               text        NOT NULL,
    description        text        NOT NULL,
    billing_interval   text        NOT NULL CHECK (billing_interval IN ('day', 'week', 'month', 'year')),
    interval_count     integer     NOT NULL CHECK (interval_count BETWEEN 1 AND 366),
    trial_days         integer     NOT NULL CHECK (trial_days BETWEEN 0 AND 730),
    trial_credits      bigint      NOT NULL CHECK (trial_credits BETWEEN 0 AND 9007199254740991),
    credits_per_period bigint      NOT NULL CHECK (credits_per_period BETWEEN 0 AND 9007199254740991),
    credit_rollover    text        NOT NULL CHECK (credit_rollover IN ('expire', 'keep', 'cap')),
    rollover_cap       bigint      CHECK (rollover_cap BETWEEN 0 AND 9007199254740991),
    family             text        NOT NULL CHECK (length(family) BETWEEN 1 AND 40),
    level              integer     NOT NULL,
    active             boolean     NOT NULL,
    metadata           jsonb       NOT NULL,
    created_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK ((credit_rollover = 'cap') = (rollover_cap IS NOT NULL))
);

CREATE TABLE plan_prices (
    tenant_id    bigint      NOT NULL,
    plan_id      uuid        NOT NULL,
    number       integer     NOT NULL CHECK (number > 0), -- the plan's own count; the newest of a currency is its price
    currency     text        NOT NULL,
    amount_minor bigint      CHECK (amount_minor BETWEEN 0 AND 9007199254740991), -- of one period; null: withdrawn
    set_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, plan_id, number),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES plans (tenant_id, id)
);

CREATE INDEX plan_prices_newest ON plan_prices (tenant_id, plan_id, currency, number);

-- `period_number`, `period_id`, `period_start`, `period_end` are the running period's, `numbers` how many numbers were given out.
-- `renews_at`: when the next period is to be opened, or the end has come; null while that is not ours to do, or a period waits
-- for its money. `paid_until`: the end of what is paid for. `rest_…`: what a pause has left of a paid period.
CREATE TABLE memberships (
    tenant_id            bigint      NOT NULL,
    id                   uuid        NOT NULL,
    customer_id          uuid        NOT NULL,
    family               text        NOT NULL,
    plan_id              uuid        NOT NULL,
    status               text        NOT NULL
                         CHECK (status IN ('incomplete', 'trialing', 'active', 'past_due', 'paused', 'cancelled', 'ended')),
    billing              text        NOT NULL CHECK (billing IN ('vezne', 'provider')),
    provider             text,
    subscription_id      uuid,
    currency             text        NOT NULL,
    price_minor          bigint      NOT NULL CHECK (price_minor BETWEEN 0 AND 9007199254740991),
    anchor_at            timestamptz NOT NULL,
    cycle                integer     NOT NULL CHECK (cycle >= 0),
    numbers              integer     NOT NULL CHECK (numbers >= period_number),
    period_number        integer     NOT NULL CHECK (period_number > 0),
    period_id            uuid        NOT NULL,
    period_start         timestamptz NOT NULL,
    period_end           timestamptz NOT NULL,
    paid_until           timestamptz,
    renews_at            timestamptz,
    next_plan_id         uuid,
    next_price_minor     bigint      CHECK (next_price_minor BETWEEN 0 AND 9007199254740991),
    cancel_at_period_end boolean     NOT NULL DEFAULT false,
    cancel_reason        text,
    pause_at_period_end  boolean     NOT NULL DEFAULT false,
    paused_at            timestamptz,
    paused_until         timestamptz,
    rest_seconds         bigint      NOT NULL DEFAULT 0 CHECK (rest_seconds >= 0),
    rest_minor           bigint      NOT NULL DEFAULT 0 CHECK (rest_minor >= 0),
    trial_ends_at        timestamptz,
    trial_notice_at      timestamptz, -- when the notice of the trial's end is due; null: it was given, or there is no trial
    metadata             jsonb       NOT NULL,
    created_at           timestamptz NOT NULL,
    started_at           timestamptz,
    ended_at             timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES plans (tenant_id, id),
    FOREIGN KEY (tenant_id, next_plan_id) REFERENCES plans (tenant_id, id),
    CHECK (period_end > period_start),
    CHECK ((next_plan_id IS NULL) = (next_price_minor IS NULL)),
    CHECK ((billing = 'provider') = (provider IS NOT NULL)),
    CHECK ((ended_at IS NULL) = (status NOT IN ('cancelled', 'ended'))),
    CHECK ((status = 'paused') = (paused_at IS NOT NULL)),
    CHECK (renews_at IS NULL OR (billing = 'vezne' AND status IN ('trialing', 'active', 'past_due')))
);

CREATE UNIQUE INDEX memberships_one_live ON memberships (tenant_id, customer_id, family)
    WHERE status IN ('incomplete', 'trialing', 'active', 'past_due', 'paused');
CREATE INDEX memberships_by_customer ON memberships (tenant_id, customer_id, id);
CREATE INDEX memberships_by_plan ON memberships (tenant_id, plan_id, id);
CREATE INDEX memberships_due ON memberships (tenant_id, renews_at, id) WHERE renews_at IS NOT NULL;
CREATE INDEX memberships_paused ON memberships (tenant_id, paused_until) WHERE paused_until IS NOT NULL;
CREATE INDEX memberships_trials ON memberships (tenant_id, trial_notice_at) WHERE trial_notice_at IS NOT NULL;
CREATE INDEX memberships_waiting ON memberships (tenant_id, created_at) WHERE status = 'incomplete' AND billing = 'provider';

-- `amount_minor` is what is charged for the period, `value_minor` what its whole time is worth (more, where something was set off).
-- `cycle`: how many intervals after the membership's anchor it ends. `grant_id`: the wallet transaction that gave its credits.
CREATE TABLE membership_periods (
    tenant_id          bigint      NOT NULL,
    id                 uuid        NOT NULL,
    membership_id      uuid        NOT NULL,
    number             integer     NOT NULL CHECK (number > 0),
    plan_id            uuid        NOT NULL,
    cycle              integer     NOT NULL CHECK (cycle >= 0),
    starts_at          timestamptz NOT NULL,
    ends_at            timestamptz NOT NULL,
    amount_minor       bigint      NOT NULL CHECK (amount_minor BETWEEN 0 AND 9007199254740991),
    value_minor        bigint      NOT NULL CHECK (value_minor BETWEEN 0 AND 9007199254740991),
    price_minor        bigint      NOT NULL CHECK (price_minor BETWEEN 0 AND 9007199254740991),
    currency           text        NOT NULL,
    status             text        NOT NULL CHECK (status IN ('open', 'paid', 'failed', 'void')),
    reason             text        NOT NULL CHECK (reason IN ('first', 'renewal', 'change', 'resume')),
    is_trial           boolean     NOT NULL,
    attempts           integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_try_at        timestamptz,
    last_failure_class text        CHECK (last_failure_class IN ('soft', 'authentication', 'hard', 'technical')),
    last_failure_code  text,
    order_id           uuid,
    paid_at            timestamptz,
    credits_granted    bigint      NOT NULL DEFAULT 0 CHECK (credits_granted >= 0),
    grant_id           uuid,
    refunded_minor     bigint      NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND amount_minor),
    credits_taken      bigint      NOT NULL DEFAULT 0 CHECK (credits_taken BETWEEN 0 AND credits_granted),
    created_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, membership_id, number),
    FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES plans (tenant_id, id),
    CHECK (ends_at > starts_at),
    CHECK ((status = 'paid') = (paid_at IS NOT NULL)),
    CHECK ((credits_granted > 0) = (grant_id IS NOT NULL)),
    CHECK (status = 'open' OR next_try_at IS NULL)
);

-- A membership waits for the money of one period at a time, and beside it for that of one change.
CREATE UNIQUE INDEX membership_periods_one_open ON membership_periods (tenant_id, membership_id, (reason = 'change'))
    WHERE status = 'open';
CREATE INDEX membership_periods_to_retry ON membership_periods (tenant_id, next_try_at, id) WHERE next_try_at IS NOT NULL;
CREATE INDEX membership_periods_by_order ON membership_periods (tenant_id, order_id) WHERE order_id IS NOT NULL;

-- Why people leave, each time they say so, also when they stay after all.
CREATE TABLE membership_departures (
    tenant_id     bigint      NOT NULL,
    id            uuid        NOT NULL,
    membership_id uuid        NOT NULL,
    plan_id       uuid        NOT NULL,
    reason        text        NOT NULL,
    comment       text        NOT NULL,
    at_period_end boolean     NOT NULL,
    said_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id)
);

CREATE INDEX membership_departures_by_membership ON membership_departures (tenant_id, membership_id, id);

GRANT SELECT, INSERT ON plans, plan_prices, memberships, membership_periods, membership_departures TO vezne_service;
GRANT UPDATE (name, description, trial_days, trial_credits, credits_per_period, credit_rollover, rollover_cap, level, active, metadata)
    ON plans TO vezne_service;
GRANT UPDATE (plan_id, status, subscription_id, price_minor, anchor_at, cycle, numbers, period_number, period_id, period_start,
              period_end, paid_until, renews_at, next_plan_id, next_price_minor, cancel_at_period_end, cancel_reason,
              pause_at_period_end, paused_at, paused_until, rest_seconds, rest_minor, trial_ends_at, trial_notice_at, metadata,
              started_at, ended_at)
    ON memberships TO vezne_service;
GRANT UPDATE (cycle, starts_at, ends_at, amount_minor, value_minor, is_trial, status, attempts, next_try_at, last_failure_class,
              last_failure_code, order_id, paid_at, credits_granted, grant_id, refunded_minor, credits_taken)
    ON membership_periods TO vezne_service;
