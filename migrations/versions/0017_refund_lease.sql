-- Who asks a provider to give money back holds a lease on the refund: not every provider recognises the same request twice.

ALTER TABLE payment_refunds ADD COLUMN asking_until timestamptz;

GRANT UPDATE (asking_until) ON payment_refunds TO vezne_service;
