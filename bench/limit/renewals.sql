-- The same rows as the product's renewals from wallets write, as one statement of plain SQL: tenant, now, how many, and the house
-- accounts `unapplied`, `revenue` and `issued`. Every plan gives 100 credits a month.
WITH found AS MATERIALIZED (
    SELECT m.id, m.customer_id, m.plan_id, m.price_minor AS price, m.currency, m.numbers + 1 AS number, m.period_end AS starts_at,
           m.period_end + interval '1 month' AS ends_at, money.account AS money, money.id AS money_wallet,
           credits.account AS credits, credits.id AS credits_wallet
    FROM memberships AS m
    JOIN wallets AS money ON money.tenant_id = m.tenant_id AND money.customer_id = m.customer_id AND money.kind = 'money'
    JOIN wallets AS credits ON credits.tenant_id = m.tenant_id AND credits.customer_id = m.customer_id AND credits.kind = 'credits'
    WHERE m.tenant_id = $1 AND m.renews_at <= $2 ORDER BY m.renews_at, m.id LIMIT $3 FOR UPDATE OF m
), due AS MATERIALIZED (
    SELECT found.*, row_number() OVER (ORDER BY id) AS n, gen_random_uuid() AS period_id, gen_random_uuid() AS order_id,
           gen_random_uuid() AS line_id, gen_random_uuid() AS paid, gen_random_uuid() AS earned, gen_random_uuid() AS granted,
           gen_random_uuid() AS lot_id
    FROM found
), total AS MATERIALIZED (
    SELECT count(*) AS rows, coalesce(sum(price), 0)::bigint AS price FROM due
), debited AS (
    UPDATE accounts SET balance = balance - due.price, sequence = sequence + 1, last_posted_at = $2 FROM due
    WHERE accounts.tenant_id = $1 AND accounts.number = due.money
    RETURNING accounts.number, accounts.sequence, -due.price AS amount, accounts.balance, due.paid AS entry_id
), credited AS (
    UPDATE accounts SET balance = balance + 100, sequence = sequence + 1, last_posted_at = $2 FROM due
    WHERE accounts.tenant_id = $1 AND accounts.number = due.credits
    RETURNING accounts.number, accounts.sequence, 100 AS amount, accounts.balance, due.granted AS entry_id
), unapplied AS (
    UPDATE accounts SET sequence = sequence + 2 * total.rows, last_posted_at = $2 FROM total
    WHERE tenant_id = $1 AND number = $4 RETURNING sequence - 2 * total.rows AS sequence, balance
), revenue AS (
    UPDATE accounts SET balance = balance + total.price, sequence = sequence + total.rows, last_posted_at = $2 FROM total
    WHERE tenant_id = $1 AND number = $5 RETURNING sequence - total.rows AS sequence, balance - total.price AS balance
), issued AS (
    UPDATE accounts SET balance = balance - 100 * total.rows, sequence = sequence + total.rows, last_posted_at = $2 FROM total
    WHERE tenant_id = $1 AND number = $6 RETURNING sequence - total.rows AS sequence, balance + 100 * total.rows AS balance
), entered AS (
    INSERT INTO entries (tenant_id, id, kind, reference, content_hash, description, details, actor, posted_at)
    SELECT $1, entry.id, entry.kind, entry.kind || ':' || entry.id, sha256(entry.id::text::bytea), 'Gold',
           jsonb_build_object('order_id', due.order_id::text), 'bench', $2
    FROM due CROSS JOIN LATERAL (VALUES (paid, 'debit'), (earned, 'membership.paid'), (granted, 'credit')) AS entry (id, kind)
), posted AS (
    INSERT INTO postings (tenant_id, account, sequence, amount, balance_after, entry_id, posted_at)
    SELECT $1, number, sequence, amount, balance, entry_id, $2 FROM debited
    UNION ALL SELECT $1, number, sequence, amount, balance, entry_id, $2 FROM credited
    UNION ALL SELECT $1, $4, unapplied.sequence + 2 * due.n - 1, due.price, unapplied.balance + due.price, due.paid, $2
              FROM due CROSS JOIN unapplied
    UNION ALL SELECT $1, $4, unapplied.sequence + 2 * due.n, -due.price, unapplied.balance, due.earned, $2
              FROM due CROSS JOIN unapplied
    UNION ALL SELECT $1, $5, revenue.sequence + due.n, due.price, revenue.balance + sum(due.price) OVER (ORDER BY due.n), due.earned, $2
              FROM due CROSS JOIN revenue
    UNION ALL SELECT $1, $6, issued.sequence + due.n, -100, issued.balance - 100 * due.n, due.granted, $2 FROM due CROSS JOIN issued
), granted_lots AS (
    INSERT INTO lots (tenant_id, id, wallet_id, type, origin, amount_minor, remaining_minor, held_minor, granted_at, expires_at)
    SELECT $1, lot_id, credits_wallet, 'membership', id::text, 100, 100, 0, $2, ends_at FROM due
), moved AS (
    INSERT INTO lot_moves (tenant_id, entry_id, lot_id, position, delta_minor) SELECT $1, granted, lot_id, 0, 100 FROM due
), ordered AS (
    INSERT INTO orders (tenant_id, id, customer_id, status, currency, total_minor, metadata, created_at, paid_at, fulfilled_at)
    SELECT $1, order_id, customer_id, 'fulfilled', currency, price, '{}', $2, $2, $2 FROM due
), lined AS (
    INSERT INTO order_lines (tenant_id, id, order_id, number, kind, details, description, amount_minor, currency, applied_minor)
    SELECT $1, line_id, order_id, 1, 'membership', jsonb_build_object('period_id', period_id::text, 'membership_id', id::text), 'Gold',
           price, currency, price
    FROM due
), tendered AS (
    INSERT INTO order_tenders (tenant_id, id, order_id, number, kind, status, amount_minor, currency, units, wallet_id, transaction_id)
    SELECT $1, gen_random_uuid(), order_id, 1, 'wallet', 'captured', price, currency, price, money_wallet, paid FROM due
), opened AS (
    INSERT INTO membership_periods (tenant_id, id, membership_id, number, plan_id, cycle, starts_at, ends_at, amount_minor,
                                    value_minor, price_minor, currency, status, reason, is_trial, order_id, paid_at, credits_granted,
                                    grant_id, created_at)
    SELECT $1, period_id, id, number, plan_id, number - 1, starts_at, ends_at, price, price, price, currency, 'paid', 'renewal', false,
           order_id, $2, 100, granted, $2
    FROM due
), renewed AS (
    UPDATE memberships SET status = 'active', numbers = due.number, period_number = due.number, period_id = due.period_id,
                           cycle = due.number - 1, period_start = due.starts_at, period_end = due.ends_at, paid_until = due.ends_at,
                           renews_at = due.ends_at
    FROM due WHERE memberships.tenant_id = $1 AND memberships.id = due.id
), told AS (
    INSERT INTO events (tenant_id, id, type, subject, payload, actor, occurred_at)
    SELECT $1, gen_random_uuid(), type, due.id::text,
           jsonb_build_object('membership_id', due.id::text, 'order_id', due.order_id::text, 'amount_minor', due.price), 'bench', $2
    FROM due CROSS JOIN (VALUES ('period.opened'), ('order.placed'), ('order.paid'), ('order.fulfilled'), ('wallet.debited'),
                                ('wallet.credited'), ('period.paid'), ('membership.renewed')) AS kind (type)
)
SELECT rows FROM total
