-- Bookings: resources of two manners in one model. Counted capacity (an event's seats) is guarded by counters on the resource's
-- row; exclusive periods (a storage unit, from-to) by gaps of free time and an exclusion constraint over what is claimed.

CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE resources (
    tenant_id    bigint      NOT NULL,
    id           uuid        NOT NULL,
    kind         text        NOT NULL,
    manner       text        NOT NULL CHECK (manner IN ('counted', 'exclusive')),
    name         text        NOT NULL,
    item_id      uuid,
    payee_id     uuid,
    starts_at    timestamptz,
    ends_at      timestamptz CHECK (ends_at > starts_at),
    -- Seats, or how many units a pool has.
    capacity     bigint      NOT NULL CHECK (capacity >= 0),
    held         bigint      NOT NULL DEFAULT 0 CHECK (held >= 0),
    taken        bigint      NOT NULL DEFAULT 0 CHECK (taken >= 0),
    going_count  bigint      NOT NULL DEFAULT 0 CHECK (going_count >= 0),
    status       text        NOT NULL CHECK (status IN ('open', 'closed', 'cancelled')),
    admission    text        NOT NULL CHECK (admission IN ('open', 'request', 'invite')),
    hold_seconds integer     CHECK (hold_seconds BETWEEN 30 AND 86400),
    waiting_list boolean     NOT NULL,
    metadata     jsonb       NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT never_oversold CHECK (held + taken <= capacity),
    CHECK (manner = 'counted' OR (held = 0 AND taken = 0 AND going_count = 0 AND NOT waiting_list))
) WITH (fillfactor = 60);  -- the counters change often, and nothing indexed with them

CREATE INDEX resources_by_payee ON resources (tenant_id, payee_id, id);

CREATE TABLE units (
    tenant_id      bigint      NOT NULL,
    id             uuid        NOT NULL,
    resource_id    uuid        NOT NULL,
    name           text        NOT NULL,
    status         text        NOT NULL CHECK (status IN ('idle', 'occupied', 'out_of_service')),
    -- When the last consumed claim on it ends; none that has not ended when null.
    occupied_until timestamptz,
    metadata       jsonb       NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, resource_id, name),
    FOREIGN KEY (tenant_id, resource_id) REFERENCES resources (tenant_id, id),
    CHECK ((status = 'occupied') <= (occupied_until IS NOT NULL)),
    CHECK ((status = 'idle') <= (occupied_until IS NULL))
) WITH (fillfactor = 80);

CREATE INDEX units_occupied ON units (tenant_id, occupied_until) WHERE occupied_until IS NOT NULL;

-- The time in which a unit is free, half-open, neighbours merged: the complement of its live claims.
-- Whoever changes a unit's gaps has locked the unit.
CREATE TABLE unit_gaps (
    tenant_id   bigint      NOT NULL,
    unit_id     uuid        NOT NULL,
    resource_id uuid        NOT NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, unit_id, starts_at),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES units (tenant_id, id),
    CHECK (starts_at < ends_at)
);

CREATE INDEX unit_gaps_by_period ON unit_gaps USING gist (tenant_id, resource_id, tstzrange(starts_at, ends_at));

CREATE TABLE claims (
    tenant_id   bigint      NOT NULL,
    id          uuid        NOT NULL,
    resource_id uuid        NOT NULL,
    unit_id     uuid,
    starts_at   timestamptz,
    ends_at     timestamptz,
    quantity    bigint      NOT NULL CHECK (quantity > 0),
    -- How many of the quantity a consumed claim has given back.
    cancelled   bigint      NOT NULL DEFAULT 0 CHECK (cancelled BETWEEN 0 AND quantity),
    customer_id uuid        NOT NULL,
    purpose     text        NOT NULL,
    status      text        NOT NULL CHECK (status IN ('held', 'consumed', 'lapsed', 'released', 'cancelled')),
    expires_at  timestamptz,
    order_id    uuid,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, resource_id) REFERENCES resources (tenant_id, id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES units (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    CHECK (unit_id IS NULL OR (quantity = 1 AND starts_at < ends_at)),
    CHECK ((status = 'held') = (expires_at IS NOT NULL)),
    CHECK (status IN ('consumed', 'cancelled') OR cancelled = 0),
    CHECK ((status = 'cancelled') <= (cancelled = quantity)),
    CHECK ((status = 'consumed') <= (cancelled < quantity)),
    CONSTRAINT never_two_at_once EXCLUDE USING gist (
        tenant_id WITH =, unit_id WITH =, tstzrange(starts_at, ends_at) WITH &&
    ) WHERE (unit_id IS NOT NULL AND status IN ('held', 'consumed'))
);

CREATE INDEX claims_by_resource ON claims (tenant_id, resource_id, id);
CREATE INDEX claims_by_customer ON claims (tenant_id, customer_id, id);
CREATE INDEX claims_due ON claims (tenant_id, expires_at) WHERE status = 'held';
CREATE INDEX claims_due_by_resource ON claims (tenant_id, resource_id, expires_at) WHERE status = 'held';

CREATE TABLE tickets (
    tenant_id     bigint      NOT NULL,
    id            uuid        NOT NULL,
    claim_id      uuid        NOT NULL,
    resource_id   uuid        NOT NULL,
    customer_id   uuid        NOT NULL,
    order_id      uuid,
    number        bigint      NOT NULL CHECK (number > 0),
    version       bigint      NOT NULL CHECK (version > 0),
    status        text        NOT NULL CHECK (status IN ('valid', 'void')),
    checked_in_at timestamptz,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, claim_id, number),
    FOREIGN KEY (tenant_id, claim_id) REFERENCES claims (tenant_id, id),
    FOREIGN KEY (tenant_id, resource_id) REFERENCES resources (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id)
);

CREATE INDEX tickets_by_resource ON tickets (tenant_id, resource_id, id);
CREATE INDEX tickets_by_customer ON tickets (tenant_id, customer_id, id);

-- Whoever comes, or may. `seats`: how many valid tickets the customer has.
CREATE TABLE attendees (
    tenant_id   bigint      NOT NULL,
    id          uuid        NOT NULL,
    resource_id uuid        NOT NULL,
    customer_id uuid        NOT NULL,
    status      text        NOT NULL CHECK (status IN ('requested', 'invited', 'accepted', 'declined', 'going', 'cancelled')),
    seats       bigint      NOT NULL DEFAULT 0 CHECK (seats >= 0),
    order_id    uuid,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, resource_id, customer_id),
    FOREIGN KEY (tenant_id, resource_id) REFERENCES resources (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    CHECK ((status = 'going') = (seats > 0))
);

CREATE TABLE attendance_records (
    tenant_id    bigint      NOT NULL,
    ticket_id    uuid        NOT NULL,
    resource_id  uuid        NOT NULL,
    customer_id  uuid        NOT NULL,
    order_id     uuid,
    status       text        NOT NULL CHECK (status IN ('registered', 'confirmed', 'attended', 'cancelled')),
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz,
    attended_at  timestamptz CHECK ((status = 'attended') = (attended_at IS NOT NULL)),
    PRIMARY KEY (tenant_id, ticket_id),
    FOREIGN KEY (tenant_id, ticket_id) REFERENCES tickets (tenant_id, id),
    FOREIGN KEY (tenant_id, resource_id) REFERENCES resources (tenant_id, id)
);

CREATE INDEX attendance_by_resource ON attendance_records (tenant_id, resource_id, ticket_id);

-- Who was let in, once a ticket; the nonce is the scanner's name for its scan.
CREATE TABLE check_ins (
    tenant_id     bigint      NOT NULL,
    id            uuid        NOT NULL,
    ticket_id     uuid        NOT NULL,
    resource_id   uuid        NOT NULL,
    nonce         text        NOT NULL,
    actor         text        NOT NULL,
    checked_in_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, nonce),
    UNIQUE (tenant_id, ticket_id),
    FOREIGN KEY (tenant_id, ticket_id) REFERENCES tickets (tenant_id, id)
);

CREATE TABLE waitings (
    tenant_id   bigint      NOT NULL,
    id          uuid        NOT NULL,
    resource_id uuid        NOT NULL,
    customer_id uuid        NOT NULL,
    quantity    bigint      NOT NULL CHECK (quantity > 0),
    status      text        NOT NULL CHECK (status IN ('waiting', 'offered', 'taken', 'lapsed', 'left')),
    claim_id    uuid,
    created_at  timestamptz NOT NULL,
    offered_at  timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, resource_id) REFERENCES resources (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    FOREIGN KEY (tenant_id, claim_id) REFERENCES claims (tenant_id, id),
    CHECK ((status IN ('offered', 'taken', 'lapsed')) <= (claim_id IS NOT NULL))
);

CREATE UNIQUE INDEX waitings_once ON waitings (tenant_id, resource_id, customer_id) WHERE status IN ('waiting', 'offered');
CREATE INDEX waitings_in_line ON waitings (tenant_id, resource_id, id) WHERE status = 'waiting';
CREATE INDEX waitings_by_resource ON waitings (tenant_id, resource_id, id);
CREATE INDEX waitings_offered ON waitings (tenant_id, claim_id) WHERE status = 'offered';

GRANT SELECT, INSERT ON resources, units, unit_gaps, claims, tickets, attendees, attendance_records, check_ins, waitings
    TO vezne_service;
GRANT UPDATE (name, item_id, payee_id, starts_at, ends_at, capacity, held, taken, going_count, status, admission, hold_seconds,
              waiting_list, metadata) ON resources TO vezne_service;
GRANT UPDATE (name, status, occupied_until, metadata) ON units TO vezne_service;
GRANT DELETE ON unit_gaps TO vezne_service;
GRANT UPDATE (unit_id, quantity, cancelled, purpose, status, expires_at, order_id) ON claims TO vezne_service;
GRANT UPDATE (customer_id, version, status, checked_in_at) ON tickets TO vezne_service;
GRANT UPDATE (status, seats, order_id) ON attendees TO vezne_service;
GRANT UPDATE (customer_id, status, confirmed_at, attended_at) ON attendance_records TO vezne_service;
GRANT UPDATE (status, claim_id, offered_at) ON waitings TO vezne_service;
