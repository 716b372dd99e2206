"""A sandbox that finds the file of an earlier version."""

import sqlite3
from pathlib import Path

from sandbox.merchant import KEY, SECRET
from vezne.sandbox import SandboxSettings, running

OLD = """
CREATE TABLE payments (id TEXT PRIMARY KEY) STRICT;
CREATE TABLE events (
    id TEXT PRIMARY KEY, type TEXT NOT NULL, payment_id TEXT NOT NULL REFERENCES payments (id), webhook_url TEXT,
    body TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_payment ON events (payment_id);
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY, event_id TEXT NOT NULL REFERENCES events (id), kind TEXT NOT NULL, state TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, due_at TEXT NOT NULL, goes_after INTEGER, held INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO payments VALUES ('sim_pay_1');
INSERT INTO events VALUES ('sim_evt_1', 'payment.succeeded', 'sim_pay_1', NULL, '{}', '2026-01-01T00:00:00Z');
INSERT INTO deliveries (event_id, kind, state, due_at) VALUES ('sim_evt_1', 'genuine', 'delivered', '2026-01-01T00:00:00Z');
"""


async def test_its_events_stay_and_belong_to_the_one_provider_there_was(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.sqlite3"
    with sqlite3.connect(file) as sql:
        sql.executescript(OLD)
    for _ in range(2):  # started again, it finds nothing left to bring up to date
        async with running(SandboxSettings(database=file, api_key=KEY, webhook_secret=SECRET)):
            pass
    with sqlite3.connect(file) as sql:
        assert sql.execute("SELECT id, provider, payment_id FROM events").fetchall() == [("sim_evt_1", "simulated", "sim_pay_1")]
        assert [row[2] for row in sql.execute("PRAGMA foreign_key_list(deliveries)")] == ["events"]
        assert sql.execute("PRAGMA foreign_key_check").fetchall() == []
        # An event of another provider, whose payments stand elsewhere.
        sql.execute("PRAGMA foreign_keys = ON")
        sql.execute("INSERT INTO events VALUES ('evt_2', 'payu', 'x', 'txn', NULL, 'a=b', '2026-01-01T00:00:00Z')")
        sql.execute("INSERT INTO deliveries (event_id, kind, state, due_at) VALUES ('evt_2', 'genuine', 'pending', 'x')")
