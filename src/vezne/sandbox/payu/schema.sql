-- PayU's own books: what its merchant's customers have brought to its page, and what was given back.
CREATE TABLE IF NOT EXISTS payu_transactions (
    mihpayid TEXT PRIMARY KEY,
    txnid TEXT NOT NULL UNIQUE,
    page TEXT NOT NULL UNIQUE,
    -- The posted texts, which PayU posts back as they came.
    posted TEXT NOT NULL,
    paise INTEGER NOT NULL CHECK (paise BETWEEN 1 AND 9007199254740991),
    status TEXT NOT NULL CHECK (status IN ('pending', 'success', 'failure')),
    unmappedstatus TEXT NOT NULL,
    failure_code TEXT,
    card_masked TEXT,
    card_brand TEXT,
    bank_ref_num TEXT,
    refunded_paise INTEGER NOT NULL CHECK (refunded_paise >= 0),
    refunding_paise INTEGER NOT NULL CHECK (refunding_paise >= 0),
    created_at TEXT NOT NULL,
    CHECK (refunded_paise + refunding_paise <= paise)
) STRICT;

CREATE TABLE IF NOT EXISTS payu_refunds (
    request_id TEXT PRIMARY KEY,
    mihpayid TEXT NOT NULL REFERENCES payu_transactions (mihpayid),
    -- Not unique: PayU does the same refund again when it is asked again.
    token TEXT NOT NULL,
    paise INTEGER NOT NULL CHECK (paise > 0),
    status TEXT NOT NULL CHECK (status IN ('queued', 'success', 'failure')),
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS payu_refunds_of_transaction ON payu_refunds (mihpayid);

-- What the merchant has set on PayU's dashboard.
CREATE TABLE IF NOT EXISTS payu_dashboard (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    webhook_url TEXT
) STRICT;
