-- The tables of the limit: what one debit must write at the least, with nothing an application would add.
-- No foreign key, trigger or check, narrow keys, room for HOT updates: the limit is meant to be hard to beat.
CREATE SCHEMA bench_limit;


CREATE TABLE bench_limit.accounts (
    id bigint PRIMARY KEY,
    balance bigint NOT NULL,
    sequence bigint NOT NULL,
    floor bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE bench_limit.entries (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    reference text NOT NULL,
    description text NOT NULL,
    posted_at timestamptz NOT NULL
);

CREATE TABLE bench_limit.postings (
    account bigint NOT NULL,
    sequence bigint NOT NULL,
    entry uuid NOT NULL,
    amount bigint NOT NULL,
    balance_after bigint NOT NULL,
    PRIMARY KEY (account, sequence)
);

CREATE TABLE bench_limit.idempotency (
    key text PRIMARY KEY,
    request_hash bytea NOT NULL,
    status integer NOT NULL,
    answer text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE bench_limit.events (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type text NOT NULL,
    subject text NOT NULL,
    actor text NOT NULL,
    recorded_at timestamptz NOT NULL,
    payload jsonb NOT NULL
);

-- One debit in one call. What waits for nobody comes first, the two balances late and by id, so that the busiest row
-- (the hot account has the highest id) is held for as short a time as can be.
CREATE FUNCTION bench_limit.debit(low bigint, high bigint, asked bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    entry uuid := gen_random_uuid();
    low_balance bigint; low_sequence bigint; high_balance bigint; high_sequence bigint;
BEGIN
    INSERT INTO bench_limit.idempotency VALUES (entry::text, '\x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff', 201,
        '{"id":"txn_01jzz0000000000000000000","wallet_id":"wal_01jzz0000000000000000000","amount_minor":1,"currency":"TRY"}', now());
    INSERT INTO bench_limit.entries VALUES (entry, 'debit', 'wal_01jzz0000000000000000000', 'Lunch', now());
    INSERT INTO bench_limit.events (type, subject, actor, recorded_at, payload) VALUES ('wallet.debited', 'wal_01jzz0000000000000000000',
        'key_01jzz0000000000000000000', now(), '{"wallet_id":"wal_01jzz0000000000000000000","amount_minor":1,"currency":"TRY"}');
    UPDATE bench_limit.accounts SET balance = balance + asked, sequence = accounts.sequence + 1 WHERE id = low
        RETURNING balance, accounts.sequence INTO low_balance, low_sequence;
    UPDATE bench_limit.accounts SET balance = balance - asked, sequence = accounts.sequence + 1 WHERE id = high AND balance - asked >= accounts.floor
        RETURNING balance, accounts.sequence INTO STRICT high_balance, high_sequence;
    INSERT INTO bench_limit.postings VALUES (low, low_sequence, entry, asked, low_balance), (high, high_sequence, entry, -asked, high_balance);
    RETURN high_balance;
END $$;
