"""An academy: a tenant that rewards its students with coins, over the API and by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest_asyncio

from tenancy_fixtures import TestTenant
from vezne import identity, rewards
from vezne.app.schedule import SCHEDULE
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.ids import parse_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.principal import Principal

Json = dict[str, Any]


def student() -> str:
    """The reference of a student nobody has heard of."""
    return f"student-{uuid4().hex[:12]}"


def name() -> str:
    """A reference nobody has used."""
    return f"ref-{uuid4().hex[:12]}"


@dataclass
class Academy:
    """A tenant, calling the API."""

    db: Database
    http: httpx2.AsyncClient
    tenant: TestTenant

    @property
    def principal(self) -> Principal:
        """The tenant's system."""
        return self.tenant.principal

    async def send(self, path: str, body: object = None, *, key: str | None = None, token: str | None = None) -> httpx2.Response:
        """Post whatever comes of it, but never a fault of ours."""
        headers = {"Authorization": f"Bearer {token}"} if token else dict(self.tenant.headers)
        if key is not None:
            headers["Idempotency-Key"] = key
        answer = await self.http.post(path, json=body, headers=headers)
        assert answer.status_code < 500, answer.text
        return answer

    async def post(self, path: str, body: object = None, *, status: int = 201) -> Json:
        """Post, with what comes of it."""
        answer = await self.send(path, body)
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        return found

    async def get(self, path: str, *, expect: int = 200, **params: object) -> Json:
        """Read."""
        asked = {key: str(value) for key, value in params.items()}
        answer = await self.http.get(path, params=asked, headers=self.tenant.headers)
        assert answer.status_code == expect, answer.text
        found: Json = answer.json()
        return found

    async def key(self, *permissions: str) -> str:
        """A key that may do so much and no more."""
        async with self.db.transaction(self.principal) as tx:
            _, made = await identity.create_key(tx, kind="restricted", name="lms", permissions=frozenset(permissions))
        return made.text

    async def token(self, who: str) -> str:
        """A student's own token; the student is known."""
        customer = (await self.coins(who))["customer_id"]
        return str((await self.post(f"/v1/customers/{customer}/tokens", {}))["token"])

    async def rule(self, trigger: str, **terms: Any) -> Json:  # noqa: ANN401 - whatever a rule may say
        """A rule of this trigger."""
        return await self.post("/v1/reward-rules", {"trigger": trigger, "name": trigger, **terms})

    async def courses(self, amount: int = 100, **terms: Any) -> Json:  # noqa: ANN401
        """A rule that gives so much for a course."""
        tiers = [{"name": "basic", "amount_minor": amount}, {"name": "gold", "amount_minor": 5 * amount}]
        return await self.rule("course_completion", **{"tiers": tiers, "default_tier": "basic", **terms})

    async def complete(self, who: str, reference: str | None = None, *, status: int = 201, **more: object) -> Json:
        """A student completes a course."""
        body = {"student_id": who, "reference_id": reference or name(), **more}
        return await self.post("/v1/rewards/course-completions", body, status=status)

    async def coins(self, who: str) -> Json:
        """What a student has."""
        return await self.get(f"/v1/coins/{who}")

    async def balance(self, who: str) -> int:
        """How many coins a student has."""
        return int((await self.coins(who))["balance_minor"])

    async def rich(self, amount: int = 1_000) -> str:
        """A student with so many coins."""
        who = student()
        await self.adjust(who, amount)
        return who

    async def adjust(self, who: str, amount: int, *, status: int = 201, **more: object) -> Json:
        """Staff give or take coins."""
        return await self.post(
            "/v1/coins/adjustments", {"student_id": who, "amount_minor": amount, "reason": "a test", **more}, status=status
        )

    async def at(self, when: datetime) -> None:
        """Hold the tenant's clock at this moment."""
        async with self.db.transaction(self.principal) as tx:
            await clock.hold(tx, when)

    async def later(self, by: timedelta) -> datetime:
        """Move the tenant's clock by so much; what it shows then."""
        async with self.db.transaction(self.principal) as tx:
            return await clock.hold(tx, tx.now + by)

    def call(self, job: str, **payload: str) -> JobCall:
        """A call of a job for this tenant."""
        return JobCall(job, self.tenant.tenant_id, payload)

    async def is_due(self, job: str) -> bool:
        """Whether the schedule has something to do for this tenant."""
        (line,) = [each for each in SCHEDULE if each.job == job]
        sql = f"""SELECT EXISTS (SELECT FROM tenants LEFT JOIN clocks ON clocks.tenant_id = tenants.tenant_id
                                 WHERE tenants.tenant_id = $2 AND $1::timestamptz IS NOT NULL AND ({line.due}))"""
        async with self.db.connection() as connection:
            due: bool = await connection.fetchval(sql, clock.real_now(), self.tenant.tenant_id)
        return due

    async def reward(self, shown: Json) -> rewards.Reward:
        """A reward as it stands."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            found, _ = await rewards.reward(tx, parse_id("rwd", shown["id"]))
        return found

    async def events(self, type_: str) -> int:
        """How often something of this type has happened."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            count: int = await tx.fetchval("SELECT count(*) FROM events WHERE tenant_id = $1 AND type = $2", tx.tenant_id, type_)
        return count


def codes(answers: Sequence[httpx2.Response]) -> list[str]:
    """Statuses and codes of answers, sorted."""
    return sorted(f"{answer.status_code} {answer.json().get('code', '')}".strip() for answer in answers)


@pytest_asyncio.fixture
async def academy(db: Database, http: httpx2.AsyncClient, tenant: TestTenant) -> Academy:
    """The academy."""
    return Academy(db, http, tenant)
