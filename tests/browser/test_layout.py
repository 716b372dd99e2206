"""The layout that every page stands in: readable in both colour schemes, on a phone, and by keyboard alone."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvicorn
from playwright.async_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from vezne.kernel.pages import ASSETS_PATH, Pages, asset_files

NewPage = Callable[..., Awaitable[Page]]
Accessible = Callable[[Page], Awaitable[None]]


def _page(request: Request) -> Response:
    pages = Pages()
    return pages.render(
        request, "problem.html", message=pages.text("en", "problem.not_found"), request_id="req_1", test_mode=True
    )


@pytest.fixture
async def site() -> AsyncIterator[str]:
    app = Starlette(routes=[Route("/", _page), Mount(ASSETS_PATH, asset_files())])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        serving = asyncio.create_task(server.serve([listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        await serving


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
async def test_it_is_accessible_and_never_scrolls_sideways(
    site: str, new_page: NewPage, assert_accessible: Accessible, color_scheme: str, width: int
) -> None:
    page = await new_page(color_scheme=color_scheme, width=width)
    await page.goto(site)
    await assert_accessible(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_the_first_tab_stop_leads_past_the_header(site: str, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(site)
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip-link"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "content"


async def test_dark_and_light_differ_without_a_switch(site: str, new_page: NewPage) -> None:
    colours = set()
    for scheme in ("light", "dark"):
        page = await new_page(color_scheme=scheme)
        await page.goto(site)
        colours.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2


async def test_the_page_follows_the_browsers_language_until_the_reader_chooses(site: str, new_page: NewPage) -> None:
    page = await new_page(locale="tr-TR")
    await page.goto(site)
    assert await page.locator("h1").inner_text() == "Bu sayfa gösterilemiyor"
    await page.get_by_role("link", name="English").click()
    assert await page.locator("h1").inner_text() == "This page cannot be shown"
    assert await page.locator("html").get_attribute("lang") == "en"
