"""A guest may be asked to prove to be a person: by a puzzle that needs nobody else, or by hCaptcha."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from altcha.v1 import solve_challenge
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from desk_fixtures import serving
from tenancy_fixtures import TenantMaker
from vezne.app.http import create_app
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.settings import Settings
from vezne.widget.models import CaptchaWrong
from vezne.widget.operations import puzzles
from widget_fixtures import Depot, wish


def solve(challenge: dict[str, Any], /, **damage: object) -> str:
    """What altcha's widget sends."""
    found = solve_challenge(challenge["challenge"], challenge["salt"], challenge["algorithm"], challenge["maxnumber"])
    assert found is not None
    told = {name: challenge[name] for name in ("algorithm", "challenge", "salt", "signature")} | {"number": found.number}
    return base64.b64encode(json.dumps(told | damage).encode()).decode()


@pytest.fixture
async def puzzled(depot: Depot) -> Depot:
    """The place asks its guests to solve a puzzle."""
    await depot.change(widget_captcha="altcha")
    await depot.storage(9)
    return depot


async def test_a_solved_puzzle_lets_one_in_once(puzzled: Depot) -> None:
    begun = await puzzled.init()
    assert begun["captcha"]["kind"] == "altcha"
    solution, token = solve(begun["captcha"]["challenge"]), begun["access_token"]
    assert (await puzzled.reserve(wish(captcha=solution), token)).status_code == 200
    again = await puzzled.reserve(wish(captcha=solution), token)
    assert again.status_code == 422
    assert again.json()["errors"][0]["loc"] == ["body", "captcha"]
    assert await puzzled.count("widget_reservations") == 1


async def test_the_same_request_again_needs_no_second_puzzle(puzzled: Depot) -> None:
    begun = await puzzled.init()
    body = wish(captcha=solve(begun["captcha"]["challenge"]))
    first = await puzzled.reserve(body, begun["access_token"])
    assert (await puzzled.reserve(body, begun["access_token"])).json() == first.json()


async def test_another_puzzle_is_to_be_had_for_the_token(puzzled: Depot) -> None:
    token = await puzzled.token()
    bearer = {"Authorization": f"Bearer {token}"}
    given = [(await puzzled.http.get("/v1/widget/captcha", headers=bearer)).json() for _ in range(2)]
    assert given[0]["challenge"] != given[1]["challenge"]
    assert (await puzzled.reserve(wish(captcha=solve(given[1]["challenge"])), token)).status_code == 200
    assert (await puzzled.http.get("/v1/widget/captcha")).status_code == 401


@pytest.mark.parametrize("said", [None, "", "nonsense", "e30=", "bnVsbA==", base64.b64encode(b'{"salt": 1}').decode()])
async def test_no_solution_is_422_and_named(puzzled: Depot, said: str | None) -> None:
    answer = await puzzled.reserve(wish(captcha=said), headers={"Accept-Language": "tr"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"] == ["body", "captcha"]
    assert "Robot" in answer.json()["detail"]
    assert await puzzled.all_of() == []


@pytest.mark.parametrize(
    "damage",
    [{"number": 1}, {"salt": "aa?expires=99999999999&"}, {"signature": "00"}, {"algorithm": "SHA-1"}, {"challenge": "00"}],
)
async def test_a_forged_solution_is_refused(puzzled: Depot, damage: dict[str, object]) -> None:
    begun = await puzzled.init()
    answer = await puzzled.reserve(wish(captcha=solve(begun["captcha"]["challenge"], **damage)))
    assert (answer.status_code, answer.json()["code"]) == (422, "captcha_wrong")


async def test_another_tenants_puzzle_opens_nothing_here(puzzled: Depot, make_tenant: TenantMaker) -> None:
    other = Depot(puzzled.db, await make_tenant(widget_captcha="altcha"), puzzled.http)
    solution = solve((await other.init())["captcha"]["challenge"])
    assert (await puzzled.reserve(wish(captcha=solution))).status_code == 422


async def test_a_puzzle_is_over_after_its_time(puzzled: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = clock.real_now() - 2 * puzzles.PUZZLE_LIFE
    monkeypatch.setattr(clock, "real_now", lambda: earlier)
    old = puzzles.puzzle(puzzled.db.vault, puzzled.tenant.tenant_id)
    monkeypatch.undo()
    told = {"algorithm": old.algorithm, "challenge": old.challenge, "maxnumber": old.max_number, "salt": old.salt}
    solution = solve(told | {"signature": old.signature})
    async with puzzled.db.transaction(puzzled.tenant.principal) as tx:
        with pytest.raises(CaptchaWrong):
            await puzzles.use(tx, solution)


async def test_one_solution_in_many_hands_lets_one_in(puzzled: Depot) -> None:
    begun = await puzzled.init()
    solution = solve(begun["captcha"]["challenge"])
    answers = await asyncio.gather(*(puzzled.reserve(wish(captcha=solution)) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 9


# ----------------------------------------------------------------------------------------------------------------- hCaptcha


class FakeHCaptcha:
    """hCaptcha's siteverify, as its documents have it."""

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.answer: Response = JSONResponse({"success": False})

    def app(self) -> FastAPI:
        """The server."""
        made = FastAPI()

        @made.post("/siteverify")
        async def verify(request: Request) -> Response:
            form = parse_qs((await request.body()).decode())
            self.asked.append(form)
            if form.get("response") == ["a person"]:
                return JSONResponse({"success": True, "hostname": "otel.example"})
            return self.answer

        return made


@asynccontextmanager
async def asking_hcaptcha(
    db: Database, make_tenant: TenantMaker, url: str, *, everywhere: bool = False, secret: str | None = "0x0"
) -> AsyncIterator[Depot]:
    settings = Settings(
        hcaptcha_url=url,
        hcaptcha_secret=None if secret is None else SecretStr(secret),
        hcaptcha_site_key="site-1",
        widget_hcaptcha_enabled=everywhere,
    )
    app = create_app(settings, db=db)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    tenant = await make_tenant(payment_provider="magicpay", widget_captcha="none" if everywhere else "hcaptcha")
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://vezne.test") as http:
        depot = Depot(db, tenant, http)
        await depot.storage(9)
        yield depot


@pytest.mark.parametrize("everywhere", [True, False])
async def test_hcaptcha_is_asked_where_the_tenant_or_the_deployment_wants_it(
    db: Database, make_tenant: TenantMaker, *, everywhere: bool
) -> None:
    fake = FakeHCaptcha()
    async with serving(fake.app()) as url, asking_hcaptcha(db, make_tenant, url, everywhere=everywhere) as depot:
        assert (await depot.init())["captcha"] == {"kind": "hcaptcha", "site_key": "site-1", "challenge": None}
        person = await depot.reserve(wish(captcha="a person"))
        robot = await depot.reserve(wish(captcha="a robot"))
        nobody = await depot.reserve(wish())
    assert person.status_code == 200
    assert (robot.status_code, robot.json()["code"]) == (422, "captcha_wrong")
    assert (nobody.status_code, nobody.json()["code"]) == (422, "captcha_missing")
    assert fake.asked[0] == {"secret": ["0x0"], "response": ["a person"], "sitekey": ["site-1"]}
    assert len(fake.asked) == 2
    assert len(await depot.all_of()) == 1


@pytest.mark.parametrize(
    "answer", [Response(status_code=500), Response("no json"), JSONResponse({"success": "yes"}), JSONResponse([])]
)
async def test_an_answer_that_is_none_lets_nobody_in_and_says_try_again(
    db: Database, make_tenant: TenantMaker, answer: Response
) -> None:
    fake = FakeHCaptcha()
    fake.answer = answer
    async with serving(fake.app()) as url, asking_hcaptcha(db, make_tenant, url) as depot:
        told = await depot.reserve(wish(captcha="?"))
        assert (told.status_code, told.json()["code"]) == (503, "captcha_unavailable")
        assert await depot.all_of() == []


@pytest.mark.parametrize("secret", [None, "0x0"])
async def test_hcaptcha_that_is_away_or_not_set_up_lets_nobody_in(
    db: Database, make_tenant: TenantMaker, secret: str | None
) -> None:
    async with asking_hcaptcha(db, make_tenant, "http://127.0.0.1:9", secret=secret) as depot:
        assert (await depot.reserve(wish(captcha="a person"))).status_code == 503


async def test_bad_dates_and_missing_consents_are_told_before_hcaptcha_is_asked(db: Database, make_tenant: TenantMaker) -> None:
    fake = FakeHCaptcha()
    async with serving(fake.app()) as url, asking_hcaptcha(db, make_tenant, url) as depot:
        answer = await depot.reserve(wish(captcha="a person", kvkk_consent=False))
    assert answer.json()["code"] == "consent_missing"
    assert fake.asked == []
