-- Postings $3 + 1 to $4 of a customer's account ($2) against a house account ($5) of tenant $1: +100 and −50 in turn, one each second
-- from $6 on. Made by sets, not by the ledger: ten million through the ledger would take minutes and measure nothing of reading.
WITH steps AS MATERIALIZED (
    SELECT
        n,
        CASE n % 2 WHEN 1 THEN 100 ELSE -50 END AS amount,
        n / 2 * 50 + n % 2 * 100 AS balance,
        $6::timestamptz + n * interval '1 second' AS at,
        (
            lpad(to_hex((extract(epoch FROM $6::timestamptz + n * interval '1 second') * 1000)::bigint), 12, '0')
            || '70008' || lpad(to_hex(n), 15, '0')
        )::uuid AS entry
    FROM generate_series($3::bigint + 1, $4::bigint) AS n
), written AS (
    INSERT INTO entries (tenant_id, id, kind, reference, content_hash, description, details, actor, posted_at)
    SELECT $1, entry, CASE n % 2 WHEN 1 THEN 'credit' ELSE 'debit' END, NULL, NULL, 'Lunch', '{}', 'system:bench', at FROM steps
), moved AS (
    UPDATE accounts
    SET balance = final.balance * CASE number WHEN $2 THEN 1 ELSE -1 END, sequence = final.n, last_posted_at = final.at
    FROM (SELECT * FROM steps ORDER BY n DESC LIMIT 1) AS final
    WHERE tenant_id = $1 AND number IN ($2, $5)
)
INSERT INTO postings (tenant_id, account, sequence, amount, balance_after, entry_id, posted_at)
SELECT $1, side.account, n, amount * side.sign, balance * side.sign, entry, at
FROM (VALUES ($2::bigint, 1), ($5::bigint, -1)) AS side (account, sign) CROSS JOIN steps
