"""kill -9 of the sandbox: nothing it answered is lost, and webhooks that were not delivered yet still come."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from sandbox.merchant import KEY, SECRET, Gateway, Merchant, until

PROGRAM = """
import sys
from pathlib import Path
from datetime import timedelta
from vezne.sandbox import SandboxSettings, run
database, port, key, secret = sys.argv[1:]
run(SandboxSettings(database=Path(database), port=int(port), api_key=key, webhook_secret=secret,
                    retry_delays=(timedelta(milliseconds=300),) * 50, delayed_success=timedelta(seconds=1)))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def a_process(database: Path, port: int, merchant: Merchant) -> AsyncIterator[tuple[Gateway, int]]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, str(database), str(port), KEY, SECRET)
    base = f"http://127.0.0.1:{port}"
    try:
        async with httpx2.AsyncClient(base_url=base, headers={"authorization": f"Bearer {KEY}"}, trust_env=False) as client:

            async def up() -> bool:
                with suppress(httpx2.HTTPError):
                    return (await client.get("/simulated/healthz")).is_success
                return False

            await until(up, 20)
            yield Gateway(base, client, merchant), process.pid
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.faults
async def test_what_was_answered_is_there_and_pending_webhooks_are_delivered_after_kill_9(
    tmp_path: Path, merchant: Merchant
) -> None:
    database, port = tmp_path / "sandbox.sqlite3", free_port()
    merchant.answers = [503] * 4
    async with a_process(database, port, merchant) as (gateway, pid):
        paid, delayed = await gateway.played(), await gateway.played(card="4000000000000077")
        refund = (await gateway.post(f"/payments/{paid['id']}/refunds", {"amount_minor": 1}, **{"Idempotency-Key": "r"})).json()
        await gateway.arm(seed=5, webhooks={"drop_first": 1})
        await until(lambda: len(merchant.received) >= 3)
        os.kill(pid, signal.SIGKILL)
    assert not [received for received in merchant.received if received.event["type"] == "refund.failed"]
    async with a_process(database, port, merchant) as (gateway, _):
        assert (await gateway.get(f"/payments/{paid['id']}"))["refunded_minor"] == 1
        again = await gateway.post(f"/payments/{paid['id']}/refunds", {"amount_minor": 1}, **{"Idempotency-Key": "r"})
        assert (again.json(), again.headers["idempotent-replayed"]) == (refund, "true")
        assert (await gateway.get("/faults"))["seed"] == 5

        async def all_delivered() -> bool:
            events = (await gateway.get("/events"))["data"]
            return len(events) == 4 and all(event["deliveries"][0]["state"] == "delivered" for event in events)

        await until(all_delivered)
        assert (await gateway.get(f"/payments/{delayed['id']}"))["status"] == "succeeded"


@pytest.mark.faults
async def test_killed_at_any_moment_every_acknowledged_payment_is_told_of(tmp_path: Path, merchant: Merchant) -> None:
    database, port, acknowledged = tmp_path / "sandbox.sqlite3", free_port(), set()
    orders = 0
    for _ in range(3):
        async with a_process(database, port, merchant) as (gateway, pid):
            asyncio.get_running_loop().call_later(0.3, os.kill, pid, signal.SIGKILL)
            gateway.made = orders
            with suppress(httpx2.HTTPError):
                while True:
                    acknowledged.add((await gateway.played())["id"])
            orders = gateway.made
    assert acknowledged
    async with a_process(database, port, merchant):
        await until(lambda: acknowledged <= {received.event["data"]["id"] for received in merchant.received})
    print(f"killed 3 times; {len(acknowledged)} acknowledged payments, {len(merchant.received)} webhooks")


async def test_a_second_sandbox_on_the_same_port_stops_with_an_error(tmp_path: Path, merchant: Merchant) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(tmp_path / "s.sqlite3"), port, KEY, SECRET, stderr=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() != 0
