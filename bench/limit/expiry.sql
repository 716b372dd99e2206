-- The same rows as the product's expiry writes, as one statement of plain SQL: tenant, now, how many lots, the house account.
WITH gone AS MATERIALIZED (
    SELECT lots.id, lots.wallet_id, lots.remaining_minor - lots.held_minor AS free FROM lots
    JOIN wallets ON wallets.tenant_id = lots.tenant_id AND wallets.id = lots.wallet_id
    WHERE lots.tenant_id = $1 AND lots.expires_at <= $2 AND lots.remaining_minor > lots.held_minor AND lots.remaining_minor > 0
      AND wallets.status = 'open'
    ORDER BY lots.expires_at LIMIT $3
), emptied AS (
    UPDATE lots SET remaining_minor = lots.held_minor FROM gone WHERE lots.tenant_id = $1 AND lots.id = gone.id
), owed AS MATERIALIZED (
    SELECT wallets.account, sum(gone.free)::bigint AS total, gen_random_uuid() AS entry_id, gone.wallet_id
    FROM gone JOIN wallets ON wallets.tenant_id = $1 AND wallets.id = gone.wallet_id GROUP BY wallets.account, gone.wallet_id
), taken AS (
    UPDATE accounts SET balance = accounts.balance - owed.total, sequence = accounts.sequence + 1, last_posted_at = $2
    FROM owed WHERE accounts.tenant_id = $1 AND accounts.number = owed.account
    RETURNING accounts.number, accounts.sequence, accounts.balance, owed.total, owed.entry_id
), given AS (
    UPDATE accounts SET balance = accounts.balance + (SELECT coalesce(sum(total), 0) FROM owed),
                        sequence = accounts.sequence + (SELECT count(*) FROM owed), last_posted_at = $2
    WHERE tenant_id = $1 AND number = $4
    RETURNING sequence - (SELECT count(*) FROM owed) AS sequence, balance - (SELECT coalesce(sum(total), 0) FROM owed) AS balance
), written AS (
    INSERT INTO entries (tenant_id, id, kind, description, details, actor, posted_at)
    SELECT $1, entry_id, 'expiry', 'lapsed', '{}', 'bench', $2 FROM owed
), posted AS (
    INSERT INTO postings (tenant_id, account, sequence, amount, balance_after, entry_id, posted_at)
    SELECT $1, number, sequence, -total, balance, entry_id, $2 FROM taken
    UNION ALL
    SELECT $1, $4, given.sequence + row_number() OVER by_entry, owed.total, given.balance + sum(owed.total) OVER by_entry,
           owed.entry_id, $2
    FROM owed CROSS JOIN given WINDOW by_entry AS (ORDER BY owed.entry_id)
), moved AS (
    INSERT INTO lot_moves (tenant_id, entry_id, lot_id, position, delta_minor)
    SELECT $1, owed.entry_id, gone.id, row_number() OVER (PARTITION BY gone.wallet_id ORDER BY gone.id) - 1, -gone.free
    FROM gone JOIN owed ON owed.wallet_id = gone.wallet_id
), told AS (
    INSERT INTO events (tenant_id, id, type, subject, payload, actor, occurred_at)
    SELECT $1, gen_random_uuid(), 'lot.expired', id::text,
           jsonb_build_object('lot_id', id::text, 'wallet_id', wallet_id::text, 'amount_minor', free, 'currency', 'CREDIT'),
           'bench', $2
    FROM gone
)
SELECT count(*) FROM gone
