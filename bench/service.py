"""The whole service as `vezne run` starts it, on the bench's own PostgreSQL, with funded wallets to work on."""

import json
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import Program, running
from bench.session import Session
from vezne import identity, wallets
from vezne.app.audit import audit_tenant
from vezne.kernel.db import Database, open_pool
from vezne.kernel.ids import public_id
from vezne.kernel.principal import Principal

_GRANTS_AT_ONCE = 2000
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Service:
    """A running deployment: where it answers, a key that may do everything, and its database from inside."""

    program: Program
    port: int
    secret_key: str
    principal: Principal
    database: Database
    dsn: str

    @property
    def headers(self) -> dict[str, str]:
        """What every request of a client carries."""
        return {"Host": HOST, "Authorization": f"Bearer {self.secret_key}", "Content-Type": "application/json"}

    async def open_funded_wallets(self, count: int, each_minor: int) -> list[str]:
        """As many money wallets with a balance, each of a customer of its own: their public ids."""
        ids: list[str] = []
        for first in range(0, count, _GRANTS_AT_ONCE):
            grants = [_grant(number, each_minor) for number in range(first, min(first + _GRANTS_AT_ONCE, count))]
            async with self.database.transaction(self.principal) as tx:
                for outcome in await wallets.grant_many(tx, grants):
                    assert isinstance(outcome, wallets.Moved), outcome
                    ids.append(public_id("wal", outcome.transaction.wallet_id))
        return ids

    async def held_by_wallets(self) -> int:
        """What all wallets hold together, in minor units."""
        return int(await self._value("SELECT sum(balance) FROM accounts WHERE tenant_id = $1 AND code LIKE 'wallet:%'"))

    async def count(self, what: str) -> int:
        """Rows of `idempotency_keys`, or events of a type."""
        if what == "idempotency_keys":
            return int(await self._value("SELECT count(*) FROM idempotency_keys WHERE tenant_id = $1"))
        return int(await self._value("SELECT count(*) FROM events WHERE tenant_id = $1 AND type = $2", what))

    async def audit(self) -> None:
        """Every slice's checks over the tenant's books; raises RuntimeError with what is wrong."""
        findings = await audit_tenant(self.database, self.principal)
        if findings:
            raise RuntimeError(f"the books are not whole after the bench: {findings[:3]}")

    async def _value(self, sql: str, *values: object) -> int:
        async with self.database.connection() as connection:
            value: int = await connection.fetchval(sql, self.principal.tenant_id, *values)
        return value


@dataclass(frozen=True, slots=True)
class Folder:
    """A data folder for `vezne`, and what its commands are told in their environment."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def told(self) -> dict[str, str]:
        """The environment of its commands; `.env` files and settings of whoever runs the bench do not count."""
        return {"VEZNE_DATA_DIR": str(self.path), "VEZNE_SANDBOX_PORT": str(free_port()), "VEZNE_LOG_LEVEL": "WARNING"} | dict(
            self.environment
        )


def vezne(*arguments: str) -> list[str]:
    """The command line of `vezne`, of the environment the bench runs in."""
    return [str(Path(sys.executable).with_name("vezne")), *arguments]


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running_service(session: Session) -> AsyncIterator[Service]:
    """`vezne run` on an empty database of the session's server: as many HTTP processes as cores, the worker and the sandbox."""
    server = await session.server()
    dsn = await server.recreate("bench_service")
    data, port = session.folder / "service", free_port()
    data.mkdir(exist_ok=True)
    (data / "demo-tenant.json").unlink(missing_ok=True)  # of an earlier bench, in a database that is gone
    # A key may make 60,000 requests a minute unless told otherwise: a bench asks for more in ten seconds.
    folder = Folder(data, {"DATABASE_URL": dsn, "VEZNE_REQUESTS_PER_MINUTE": "100000000"})
    session.say("starting the service")
    async with running(
        vezne("run", "--port", str(port)), output=session.folder / "service.log", environment=folder.told, folder=data
    ) as program:
        await program.answers(port)
        key = _key(data)
        text = identity.KeyText.read(key)
        assert text is not None
        pool = await open_pool(dsn, size=4)
        try:
            principal = Principal.system(text.tenant_id, "bench")
            yield Service(program, port, key, principal, Database(pool), dsn)
        finally:
            await pool.close()


def _key(data: Path) -> str:
    told: dict[str, str] = json.loads((data / "demo-tenant.json").read_text())
    return told["secret_key"]


def _grant(number: int, minor: int) -> wallets.Grant:
    return wallets.Grant(
        reference=f"bench:{number}", customer_reference=f"bench:{number}", kind="money", currency="TRY", amount_minor=minor
    )
