-- Every column must be true after a run of the limit; $1 is what all accounts held at the opening.
SELECT
    (SELECT sum(balance) FROM bench_limit.accounts) = $1::numeric AS no_money_appeared,
    (SELECT sum(sequence) FROM bench_limit.accounts) = (SELECT count(*) FROM bench_limit.postings) AS every_step_has_a_posting,
    (SELECT count(*) FROM bench_limit.postings) = 2 * (SELECT count(*) FROM bench_limit.entries) AS two_postings_an_entry,
    (SELECT count(*) FROM bench_limit.entries) = (SELECT count(*) FROM bench_limit.idempotency) AS an_idempotency_row_each,
    (SELECT count(*) FROM bench_limit.entries) = (SELECT count(*) FROM bench_limit.events) AS an_event_row_each,
    (SELECT sum(amount) FROM bench_limit.postings) = 0 AS postings_sum_to_zero
