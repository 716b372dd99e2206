"""What stands around every request: its id, problem bodies, counts, and nothing said of our bugs."""

import asyncio
import re

import httpx2
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Message, Scope

from edge_app import client_of
from vezne.kernel import edge
from vezne.kernel.errors import RateLimited, Refusal, Unauthenticated, Unavailable

pytestmark = pytest.mark.unit


class SaidBefore(Refusal):
    """It was said before."""

    documented_code = "PAY042"


def plain_app() -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/raise/{name}")
    async def refuse(name: str) -> None:
        raise {
            "rate": RateLimited(retry_after_seconds=7, retry_after=7),
            "gone": Unavailable(retry_after=1),
            "who": Unauthenticated(),
            "said": SaidBefore(loc=("body", "x")),
            "left": ClientDisconnect(),
            "bug": ZeroDivisionError("vz_sk_test_secret"),
        }[name]

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def rows() -> object:
            yield b"one row\n"
            raise ZeroDivisionError("after the head went out")

        return StreamingResponse(rows())  # type: ignore[arg-type]

    @app.get("/id")
    async def request_id(request: Request) -> str:
        return str(request.state.request_id)

    edge.install(app)
    return app


async def ask(path: str, method: str = "GET", **headers: str) -> httpx2.Response:
    async with client_of(plain_app()) as client:
        return await client.request(method, path, headers=headers)


@pytest.mark.parametrize("given", ["12345678", "req_01h455vb4pex", "a.b:c-d_e", "x" * 100])
async def test_a_request_id_is_given_back(given: str) -> None:
    answer = await ask("/id", **{"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == answer.json() == given


@pytest.mark.parametrize("given", ["", "short", "x" * 101, "has space", "semi;colon", "<script>x", "éééééééé"])
async def test_one_that_cannot_be_logged_is_replaced(given: str) -> None:
    async with client_of(plain_app()) as client:
        answer = await client.get("/id", headers=[(b"x-request-id", given.encode())])
    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["X-Request-Id"])
    assert answer.headers["X-Request-Id"] == answer.json()


async def test_every_request_has_an_id_of_its_own() -> None:
    answers = await asyncio.gather(*(ask("/id") for _ in range(20)))
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 20


@pytest.mark.parametrize(
    ("path", "status", "code", "header"),
    [
        ("/raise/rate", 429, "rate_limited", ("Retry-After", "7")),
        ("/raise/gone", 503, "unavailable", ("Retry-After", "1")),
        ("/raise/who", 401, "unauthenticated", ("WWW-Authenticate", 'Bearer realm="vezne"')),
        ("/raise/said", 400, "PAY042", None),
        ("/raise/bug", 500, "internal_error", None),
        ("/nowhere", 404, "not_found", None),
    ],
)
async def test_every_refusal_has_the_same_shape(path: str, status: int, code: str, header: tuple[str, str] | None) -> None:
    answer = await ask(path)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert problem.keys() == {"detail", "code", "errors", "request_id"}
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    if header is not None:
        assert answer.headers[header[0]] == header[1]
    assert "secret" not in answer.text


async def test_a_wrong_method_is_told_the_right_one() -> None:
    answer = await ask("/id", "DELETE")
    assert (answer.status_code, answer.json()["code"], answer.headers["Allow"]) == (405, "method_not_allowed", "GET")


async def test_a_bug_is_logged_with_its_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    answer = await ask("/raise/bug", **{"X-Request-Id": "find-me-12345"})
    assert answer.status_code == 500
    written = capsys.readouterr()
    assert "find-me-12345" in written.out + written.err


async def test_a_caller_who_hung_up_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope: Scope = {"type": "http", "method": "GET", "path": "/raise/left", "query_string": b"", "headers": [], "app": None}
    await plain_app()(scope, receive, send)
    assert not sent
    written = capsys.readouterr()
    assert "bug" not in written.out + written.err


async def test_a_bug_in_half_an_answer_cuts_it_rather_than_answer_twice() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    scope: Scope = {"type": "http", "method": "GET", "path": "/half", "query_string": b"", "headers": [], "app": None}
    with pytest.raises(ZeroDivisionError):
        await plain_app()(scope, receive, send)
    assert [message["type"] for message in sent].count("http.response.start") == 1
    assert not any(message.get("more_body") is False for message in sent)


def counted(method: str, route: str, status: str) -> float:
    labels = {"method": method, "route": route, "status": status}
    return REGISTRY.get_sample_value("vezne_http_request_seconds_count", labels) or 0


async def test_requests_are_counted_by_route_not_by_path() -> None:
    before = counted("GET", "/raise/{name}", "429")
    await ask("/raise/rate")
    assert counted("GET", "/raise/{name}", "429") == before + 1


async def test_a_caller_cannot_make_up_new_series() -> None:
    for method in ("BREW", "WHEN", "PROPFIND"):
        await ask("/id", method)
    assert counted("other", "/id", "405") >= 3
    assert counted("BREW", "/id", "405") == 0
