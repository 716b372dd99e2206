"""The courier: carries webhooks to the merchant until each is accepted or given up, and wakes for whatever is due.

What is queued is in the store before the courier sees it, and stays pending there until the receiver has answered: after a
kill -9 it goes on where it was, and may deliver something twice, as every honest webhook sender does.
"""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx2

from vezne.kernel.tls import tls_context
from vezne.sandbox import faults, parcels, payu, stripe
from vezne.sandbox.parcels import Parcel
from vezne.sandbox.settings import SandboxSettings
from vezne.sandbox.skins import MAGICPAY, SIMULATED
from vezne.sandbox.store import Store, Tx, instant, stamp

log = logging.getLogger("vezne.sandbox")

_LONGEST_SLEEP = timedelta(seconds=1)
"""While something is due later the clock is looked at so often, because a clock that is given may jump."""
_RETRIED = frozenset({"genuine", "redelivery"})


Packer = Callable[[Parcel, SandboxSettings], tuple[bytes, dict[str, str]]]
_PACKERS: Mapping[str, Packer] = {
    **{skin.name: partial(parcels.pack, skin) for skin in (SIMULATED, MAGICPAY)},
    payu.NAME: payu.pack,
    stripe.NAME: stripe.pack,
}
"""How each provider signs what it sends."""


def take_due(tx: Tx, limit: int, under_way: Sequence[int]) -> list[Parcel]:
    """The deliveries that are due, oldest first, without those under way and those that wait for another to go before them."""
    rows = tx.sql.execute(
        "SELECT d.id, d.event_id, d.kind, d.tries, e.provider, e.webhook_url, e.body"
        " FROM deliveries d JOIN events e ON e.id = d.event_id"
        " WHERE d.state = 'pending' AND d.due_at <= ?1 AND d.id NOT IN (SELECT value FROM json_each(?2))"
        " AND (d.goes_after IS NULL OR EXISTS (SELECT 1 FROM deliveries b WHERE b.id = d.goes_after AND b.tries > 0))"
        " ORDER BY d.due_at, d.id LIMIT ?3",
        (tx.stamp, json.dumps(list(under_way)), limit),
    ).fetchall()
    lose = faults.armed(tx).webhooks.drop_first or 0
    return [_parcel(tx, row, lose) for row in rows]


def _parcel(tx: Tx, row: sqlite3.Row, lose: int) -> Parcel:
    lost = row["kind"] == "genuine" and row["tries"] < lose
    return Parcel(
        row["id"], row["event_id"], row["provider"], row["kind"], row["webhook_url"], row["body"], row["tries"], lost, tx.now
    )


def next_due(tx: Tx) -> datetime | None:
    """When the next delivery or timer that is not due yet will be; None when nothing is planned."""
    row = tx.sql.execute(
        "SELECT min(due_at) AS due_at FROM (SELECT min(due_at) AS due_at FROM timers"
        " UNION ALL SELECT min(due_at) FROM deliveries WHERE state = 'pending' AND due_at > ?)",
        (tx.stamp,),
    ).fetchone()
    return None if row["due_at"] is None else instant(row["due_at"])


def record_try(tx: Tx, parcel: Parcel, outcome: str, status: int | None, took: timedelta) -> None:
    """Log a try. Accepted (2xx) ends the delivery; otherwise it is due again as the schedule says, or given up at its end."""
    number = parcel.tries + 1
    tx.sql.execute(
        "INSERT INTO tries (delivery_id, number, at, outcome, status, milliseconds) VALUES (?, ?, ?, ?, ?, ?)",
        (parcel.delivery_id, number, stamp(parcel.at), outcome, status, took // timedelta(milliseconds=1)),
    )
    delays = tx.settings.retry_delays if parcel.kind in _RETRIED else ()
    state, due = "given_up", tx.stamp
    if outcome == "accepted":
        state = "delivered"
    elif number <= len(delays):
        state, due = "pending", tx.after(delays[number - 1])
    tx.sql.execute(
        "UPDATE deliveries SET state = ?, due_at = ?, tries = ?, held = 0 WHERE id = ?", (state, due, number, parcel.delivery_id)
    )
    fault = {"forged": "webhooks.forge", "stale": "webhooks.stale", "duplicate": "webhooks.duplicate"}.get(parcel.kind)
    if parcel.lost:
        fault = "webhooks.drop_first"
    if fault is not None and (parcel.lost or outcome != "unreachable"):
        faults.fire(tx, fault)


class Courier:
    """Runs beside the API for as long as the sandbox does."""

    def __init__(self, store: Store, settings: SandboxSettings) -> None:
        self._store = store
        self._settings = settings
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Deliver what is due, sleep until something else is, for ever. Cancelled, it stops; what was under way stays pending."""
        timeout = self._settings.webhook_timeout.total_seconds()
        try:
            async with httpx2.AsyncClient(
                timeout=timeout, follow_redirects=False, trust_env=False, verify=tls_context()
            ) as client:
                while True:
                    await self._round(client)
        finally:
            for task in self._under_way.values():
                task.cancel()

    async def _round(self, client: httpx2.AsyncClient) -> None:
        self._store.changed.clear()
        try:
            free = self._settings.concurrent_deliveries - len(self._under_way)
            under_way = tuple(self._under_way)
            due, planned = await self._store.transact(lambda tx: (take_due(tx, free, under_way), next_due(tx)))
        except sqlite3.Error:
            log.exception("the sandbox's file cannot be read; trying again")
            await asyncio.sleep(_LONGEST_SLEEP.total_seconds())
            return
        for parcel in due:
            task = asyncio.create_task(self._deliver(client, parcel))
            self._under_way[parcel.delivery_id] = task
            task.add_done_callback(partial(self._forget, parcel.delivery_id))
        await self._sleep_until(planned)

    def _forget(self, delivery_id: int, _: asyncio.Task[None]) -> None:
        self._under_way.pop(delivery_id, None)
        self._store.changed.set()

    async def _sleep_until(self, planned: datetime | None) -> None:
        seconds: float | None = None
        if planned is not None:
            wait = min(planned - self._store.clock(), _LONGEST_SLEEP)
            seconds = max(wait, timedelta(milliseconds=1)).total_seconds()
        try:
            await asyncio.wait_for(self._store.changed.wait(), seconds)
        except TimeoutError:
            return

    async def _deliver(self, client: httpx2.AsyncClient, parcel: Parcel) -> None:
        began = asyncio.get_running_loop().time()
        outcome, status = ("lost", None) if parcel.lost else await self._send(client, parcel)
        took = timedelta(seconds=asyncio.get_running_loop().time() - began)
        log.info("webhook %s to %s: %s %s", parcel.event_id, parcel.url, outcome, status or "")
        try:
            await self._store.transact(lambda tx: record_try(tx, parcel, outcome, status, took))
        except sqlite3.Error:
            log.exception("the outcome of a delivery could not be kept; it will be made again")
            await asyncio.sleep(_LONGEST_SLEEP.total_seconds())

    async def _send(self, client: httpx2.AsyncClient, parcel: Parcel) -> tuple[str, int | None]:
        body, headers = _PACKERS[parcel.provider](parcel, self._settings)
        try:
            async with asyncio.timeout(self._settings.webhook_timeout.total_seconds()):
                answer: Any = await client.post(parcel.url, content=body, headers=headers)
        except (TimeoutError, httpx2.TimeoutException):
            return "timed_out", None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
            return "unreachable", None
        return ("accepted" if answer.is_success else "refused"), int(answer.status_code)
