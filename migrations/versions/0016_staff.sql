-- Who works for a tenant: their sign-in, and the sessions they have open in the console.

-- An e-mail is unique within its tenant: the sign-in page names the tenant, so no directory above the tenants is needed.
CREATE TABLE staff (
    tenant_id      bigint      NOT NULL REFERENCES tenants,
    id             uuid        NOT NULL,
    email          text        NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name           text        NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    role           text        NOT NULL,
    payee_id       uuid, -- the one payee whose data a partner sees
    locale         text        CHECK (locale IN ('en', 'tr')),
    active         boolean     NOT NULL,
    password_hash  text        CHECK (password_hash LIKE '$argon2id$%'), -- null until an invitation is taken up
    totp_secret    bytea, -- sealed by the deployment's master key
    totp_since     timestamptz, -- null while the secret is only proposed
    totp_step      bigint      NOT NULL, -- the last 30 seconds whose code was used: none is good twice
    recovery       bytea[]     NOT NULL, -- SHA-256 of the recovery codes that are left
    refusals       int         NOT NULL CHECK (refusals >= 0), -- wrong passwords and codes since the last right one
    paused_until   timestamptz, -- no guess is looked at before
    signed_in_at   timestamptz,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, email),
    CHECK (totp_since IS NULL OR totp_secret IS NOT NULL)
);

CREATE TABLE staff_invitations (
    tenant_id  bigint      NOT NULL,
    id         uuid        NOT NULL,
    staff_id   uuid        NOT NULL,
    token_hash bytea       NOT NULL CHECK (length(token_hash) = 32), -- SHA-256 of 256 random bits
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz, -- taken up, or replaced by a later one
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id)
);
CREATE INDEX staff_invitations_standing ON staff_invitations (tenant_id, staff_id) WHERE ended_at IS NULL;

CREATE TABLE staff_sessions (
    tenant_id  bigint      NOT NULL,
    id         uuid        NOT NULL,
    staff_id   uuid        NOT NULL,
    token_hash bytea       NOT NULL CHECK (length(token_hash) = 32), -- SHA-256 of 256 random bits
    stage      text        NOT NULL CHECK (stage IN ('second_factor', 'open')),
    client     text        NOT NULL, -- the browser, as it names itself
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id)
);
CREATE INDEX staff_sessions_standing ON staff_sessions (tenant_id, staff_id) WHERE ended_at IS NULL;

GRANT SELECT, INSERT ON staff TO vezne_service;
GRANT UPDATE (
    name, role, payee_id, locale, active, password_hash, totp_secret, totp_since, totp_step, recovery, refusals, paused_until,
    signed_in_at
) ON staff TO vezne_service;
GRANT SELECT, INSERT ON staff_invitations TO vezne_service;
GRANT UPDATE (ended_at) ON staff_invitations TO vezne_service;
GRANT SELECT, INSERT ON staff_sessions TO vezne_service;
GRANT UPDATE (seen_at, ended_at) ON staff_sessions TO vezne_service;
