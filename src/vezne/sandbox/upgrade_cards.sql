-- Files made when no card was kept here.
ALTER TABLE payments ADD COLUMN customer TEXT;
ALTER TABLE payments ADD COLUMN save_card INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN method_id TEXT;
ALTER TABLE payments ADD COLUMN method_year INTEGER;
ALTER TABLE payments ADD COLUMN off_session INTEGER NOT NULL DEFAULT 0;
