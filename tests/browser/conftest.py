"""A Chromium for the browser tests: Debian's. Without one they are skipped aloud; CI accepts no such skip."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

NewPage = Callable[..., Awaitable[Page]]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]  # it runs as root in containers, on pages of our own


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in this folder is a browser test."""
    for item in items:
        if "/tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A fresh headless Chromium."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium: CI does not skip the browser tests")
        pytest.skip("NO CHROMIUM: install Debian's (apt install chromium) to run the browser tests")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def new_page(browser: Browser) -> AsyncIterator[NewPage]:
    """Opens pages, each a visitor of its own; `new_page(color_scheme="dark", width=360, locale="tr-TR")`.

    Any script error or breach of the content policy fails the test.
    """
    errors: list[str] = []
    async with AsyncExitStack() as visitors:

        async def open_page(*, width: int = 1200, height: int = 900, **options: object) -> Page:
            context = await browser.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type] # as given
            visitors.push_async_callback(context.close)
            page = await context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
            return page

        yield open_page
    assert errors == []


@pytest.fixture
def assert_accessible() -> Callable[[Page], Awaitable[None]]:
    """Fails with what axe finds wrong with the page as it stands."""

    async def check(page: Page) -> None:
        results = await Axe().run(page)
        found = [
            f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
            for violation in results.response["violations"]
            for node in violation["nodes"]
        ]
        assert found == []

    return check
