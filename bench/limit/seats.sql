-- What selling one seat must write at the least, beside the debit that pays it.
CREATE TABLE bench_limit.events_on_sale (
    id bigint PRIMARY KEY,
    capacity integer NOT NULL,
    taken integer NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE bench_limit.orders (
    id uuid PRIMARY KEY,
    event bigint NOT NULL,
    buyer bigint NOT NULL,
    total bigint NOT NULL,
    placed_at timestamptz NOT NULL
);

CREATE TABLE bench_limit.tickets (
    id uuid PRIMARY KEY,
    seller_order uuid NOT NULL,
    event bigint NOT NULL,
    holder bigint NOT NULL
);

-- One buyer's try in one call: a seat, an order, a ticket and the debit, or nothing when the event is sold out.
CREATE FUNCTION bench_limit.buy(wanted bigint, buyer bigint, seller bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    bought uuid := gen_random_uuid();
BEGIN
    UPDATE bench_limit.events_on_sale SET taken = taken + 1 WHERE id = wanted AND taken < capacity;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO bench_limit.orders VALUES (bought, wanted, buyer, 1, now());
    INSERT INTO bench_limit.tickets VALUES (gen_random_uuid(), bought, wanted, buyer);
    PERFORM bench_limit.debit(least(buyer, seller), greatest(buyer, seller), 1);
    RETURN true;
END $$;
