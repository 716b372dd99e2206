import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from vezne.kernel.errors import Conflict
from vezne.kernel.fast_lane import FastLane

pytestmark = pytest.mark.unit


class Taken(Conflict):
    """{seat} is taken."""


class Booking:
    path = "/seats/{seat}/bookings"

    async def answer(self, request: Request) -> Response:
        seat = request.path_params["seat"]
        if seat == "taken":
            raise Taken(seat=seat)
        if seat == "bug":
            raise LookupError(seat)
        return PlainTextResponse(f"fast {seat}", 201)


async def _ordinary(request: Request) -> Response:
    return PlainTextResponse(f"ordinary {request.method} {request.url.path}")


async def _refused(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 409)


def _client() -> httpx2.AsyncClient:
    app = Starlette(routes=[Route("/{rest:path}", _ordinary, methods=["GET", "POST"])], exception_handlers={Conflict: _refused})
    app.add_middleware(FastLane, routes=[Booking()])
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app, raise_app_exceptions=False), base_url="http://test")


async def test_a_post_to_a_fast_route_is_answered_ahead_of_the_app() -> None:
    async with _client() as http:
        answer = await http.post("/seats/12/bookings")
    assert (answer.status_code, answer.text) == (201, "fast 12")


@pytest.mark.parametrize("path", ["/seats/12/bookings/", "/seats//bookings", "/seats/1/2/bookings", "/seats/12"])
async def test_another_path_is_left_to_the_app(path: str) -> None:
    async with _client() as http:
        assert (await http.post(path)).text == f"ordinary POST {path}"


async def test_another_method_is_left_to_the_app() -> None:
    async with _client() as http:
        assert (await http.get("/seats/12/bookings")).text == "ordinary GET /seats/12/bookings"


async def test_what_a_fast_route_raises_is_answered_by_the_apps_own_handlers() -> None:
    async with _client() as http:
        answer = await http.post("/seats/taken/bookings")
    assert (answer.status_code, answer.text) == (409, "taken is taken.")


async def test_a_bug_in_a_fast_route_is_not_swallowed() -> None:
    async with _client() as http:
        assert (await http.post("/seats/bug/bookings")).status_code == 500
