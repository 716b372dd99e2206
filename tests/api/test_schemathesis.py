"""The whole service against its own description: no request, however odd, gets a 5xx or an answer that is not described."""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from api.endpoints import PATH_PREFIXES
from desk_fixtures import serving
from service_fixtures import Belongings
from tenancy_fixtures import TestTenant

pytestmark = pytest.mark.slow

MANAGEMENT = ["/v1/test-clock", "/v1/tenant", "/v1/api-keys"]
"""What would change the ground on which the others stand: tried for itself, after them."""
ENDLESS = ["/balance-stream"]
"""What answers without end: tried by test_live_balance."""
PROMISED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
            "response_headers_conformance", "unsupported_method")  # fmt: skip
LEFT = ("negative_data_rejection", "positive_data_acceptance", "ignored_auth", "use_after_free", "missing_required_header",
        "ensure_resource_availability", "allow_header_conformance", "object_level_authorization")  # fmt: skip
"""Who may ask and whose id it is are tried by test_foreign_ids, bad amounts by test_bad_amounts."""


@dataclass
class Report:
    """What a run came to."""

    answers: Counter[int] = field(default_factory=Counter)
    tried: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)

    def take(self, event: events.EngineEvent) -> None:
        """Count an event of the engine."""
        if isinstance(event, events.NonFatalError):
            self.failures.setdefault(f"{event.label}: {type(event.value).__name__}", str(event.value))
        if isinstance(event, events.FatalError):
            self.failures.setdefault("fatal", str(event.exception))
        if not isinstance(event, events.ScenarioFinished):
            return
        for interaction in event.recorder.interactions.values():
            if interaction.response is not None:
                self.answers[interaction.response.status_code] += 1
                self.tried.add(str(event.label))
        for checks in event.recorder.checks.values():
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    name = f"{event.label}: {check.name}: {failure.title}"
                    self.failures.setdefault(name, f"{failure.message}\n{check.failure_info.code_sample}")


def config(url: str, tenant: TestTenant, own: Belongings, examples: int, seconds: int) -> SchemathesisConfig:
    """The same requests in each run, bounded; with the tenant's key, over its own things."""
    return SchemathesisConfig.from_dict(
        {
            "seed": 2,
            "base-url": url,
            "continue-on-failure": True,
            "max-time": seconds,
            "headers": tenant.headers,
            "parameters": {f"path.{name}": own[prefix] for name, prefix in PATH_PREFIXES.items()},
            "generation": {"max-examples": examples, "deterministic": True, "database": "none", "no-shrink": True},
            "phases": {"stateful": {"enabled": False}, "coverage": {"unexpected-methods": []}},
            "checks": {**{name: {"enabled": True} for name in PROMISED}, **{name: {"enabled": False} for name in LEFT}},
        }
    )


def run(described: dict[str, Any], settings: SchemathesisConfig, own: Belongings) -> Report:
    """Try the money first, then what would move the ground."""
    report = Report()
    schema = schemathesis.openapi.from_dict(described, config=settings)
    own_ids = {**{f"{name}": own[prefix] for name, prefix in PATH_PREFIXES.items()},
               "from_wallet_id": own["wal"], "to_wallet_id": own["wal"]}  # fmt: skip

    @schema.hook
    def map_body(_context: object, body: Any) -> Any:  # noqa: ANN401 - JSON
        # Every other body names things that are there, so that requests reach beyond "there is no such customer".
        if isinstance(body, dict) and len(str(body)) % 2:
            return body | {name: own_ids[name] for name in body if name in own_ids}
        return body

    for part in (schema.exclude(path_regex="|".join(MANAGEMENT + ENDLESS)), schema.include(path_regex="|".join(MANAGEMENT))):
        for event in from_schema(part).execute():
            report.take(event)
    return report


async def test_every_answer_is_one_that_is_described(app: FastAPI, tenant: TestTenant, own: Belongings) -> None:
    minutes = int(os.environ.get("VEZNE_SOAK_MINUTES", "0"))
    async with serving(app) as url:
        settings = config(url, tenant, own, 500 if minutes else 1, 60 * minutes or 40)
        report = await asyncio.to_thread(run, app.openapi(), settings, own)
    print(f"\n{sum(report.answers.values())} requests to {len(report.tried)} endpoints: {dict(sorted(report.answers.items()))}")
    assert not report.failures, "\n\n".join(f"{name}\n{text}" for name, text in report.failures.items())
    assert len(report.tried) >= 100
    assert report.answers[200] + report.answers[201] > 100
