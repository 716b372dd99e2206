-- The booking widget: what guests asked for from other people's web sites, what they consented to, and solved puzzles.

CREATE TABLE widget_reservations (
    tenant_id          bigint      NOT NULL,
    id                 uuid        NOT NULL,
    status             text        NOT NULL CHECK (status IN ('pending', 'converted', 'cancelled')),
    fingerprint        bytea       NOT NULL CHECK (length(fingerprint) = 32), -- of the request: asked twice, reserved once
    request_hash       bytea       NOT NULL CHECK (length(request_hash) = 32),
    guest_name         text        NOT NULL,
    guest_email        text        NOT NULL,
    guest_phone        text,
    locale             text        NOT NULL,
    checkin_date       date        NOT NULL,
    checkout_date      date        NOT NULL,
    quantity           integer     NOT NULL CHECK (quantity > 0),
    wanted_resource_id uuid,                                   -- null: any storage that is free
    resource_id        uuid,                                   -- where a unit was found
    payee_id           uuid,                                   -- whose it is; of one that waits, of the wanted one
    customer_id        uuid,
    order_id           uuid,
    payment_id         uuid,
    client_secret      bytea,                                  -- of its payment, sealed: the same request again shows it again
    created_at         timestamptz NOT NULL,
    converted_at       timestamptz,
    cancelled_at       timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, fingerprint),
    UNIQUE (tenant_id, order_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    CHECK (checkout_date > checkin_date),
    CHECK (status <> 'converted' OR (order_id IS NOT NULL AND customer_id IS NOT NULL AND resource_id IS NOT NULL AND converted_at IS NOT NULL)),
    CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL))
);

CREATE INDEX widget_reservations_payee ON widget_reservations (tenant_id, payee_id, id);

-- What a guest agreed to, when, in which wording and language. Nobody changes it afterwards.
CREATE TABLE widget_consents (
    tenant_id      bigint      NOT NULL,
    reservation_id uuid        NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('kvkk', 'terms')),
    text_version   text        NOT NULL,
    text_url       text,
    language       text        NOT NULL,
    given_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, reservation_id, kind),
    FOREIGN KEY (tenant_id, reservation_id) REFERENCES widget_reservations (tenant_id, id)
);

-- Puzzles whose solution was used. One is good once, and worth nothing after its end.
CREATE TABLE widget_captchas (
    tenant_id  bigint      NOT NULL,
    challenge  text        NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, challenge)
);

GRANT SELECT, INSERT ON widget_reservations TO vezne_service;
GRANT UPDATE (status, resource_id, payee_id, customer_id, order_id, payment_id, client_secret, converted_at, cancelled_at)
    ON widget_reservations TO vezne_service;
GRANT SELECT, INSERT ON widget_consents TO vezne_service;
GRANT SELECT, INSERT, DELETE ON widget_captchas TO vezne_service;
