-- Mail to customers: written with what caused it, sent by a job; and which lots their customers were told of before they lapse.

-- `body` is the whole letter, sealed: it tells what people bought. `not_before`: being sent, or to be tried again, then.
-- The server's answer to a repeat is known by `message_id`, the same at every try.
CREATE TABLE mails (
    tenant_id  bigint      NOT NULL,
    id         uuid        NOT NULL,
    recipient  text        NOT NULL CHECK (length(recipient) BETWEEN 1 AND 320),
    subject    text        NOT NULL CHECK (length(subject) <= 300),
    purpose    text        NOT NULL CHECK (length(purpose) BETWEEN 1 AND 40),
    about      text        NOT NULL,
    dedupe     text        CHECK (length(dedupe) BETWEEN 1 AND 200),
    status     text        NOT NULL CHECK (status IN ('waiting', 'sent', 'failed', 'kept')),
    tries      integer     NOT NULL DEFAULT 0 CHECK (tries >= 0),
    last_error text,
    body       bytea       NOT NULL,
    message_id text,
    not_before timestamptz,
    created_at timestamptz NOT NULL,
    sent_at    timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, dedupe),
    CHECK ((status IN ('sent', 'kept')) = (sent_at IS NOT NULL)),
    CHECK (status <> 'failed' OR last_error IS NOT NULL)
);

CREATE INDEX mails_by_status ON mails (tenant_id, status, id);
CREATE INDEX mails_by_recipient ON mails (tenant_id, recipient, id);
CREATE INDEX mails_by_about ON mails (tenant_id, about, id) WHERE about <> '';

-- A lot's customer is told once, whether by mail or only by the event.
CREATE TABLE lot_reminders (
    tenant_id   bigint      NOT NULL,
    lot_id      uuid        NOT NULL,
    reminded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, lot_id),
    FOREIGN KEY (tenant_id, lot_id) REFERENCES lots (tenant_id, id)
);

-- On which of its days a tenant's customers were reminded: one round a day.
CREATE TABLE reminder_days (
    tenant_id bigint NOT NULL,
    day       date   NOT NULL,
    PRIMARY KEY (tenant_id, day)
);

GRANT SELECT, INSERT ON mails, lot_reminders, reminder_days TO vezne_service;
GRANT UPDATE (status, tries, last_error, message_id, not_before, sent_at) ON mails TO vezne_service;
