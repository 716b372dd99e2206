"""The hosted pages in Chromium: paid by keyboard, readable in both languages, light, dark and narrow, and accessible."""

import os
import shutil
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from sandbox.merchant import Gateway

PICTURES = os.environ.get("SANDBOX_PICTURES")
"""A folder to keep screenshots in, to look at them."""

pytestmark = pytest.mark.browser


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium: CI does not skip the browser tests")
        pytest.skip("NO CHROMIUM: install Debian's (apt install chromium) to run the browser tests")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        await chromium.close()


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


async def check(page: Page, name: str) -> None:
    """No accessibility violation, nothing wider than the window, and a picture when asked for."""
    await picture(page, name)
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} scrolls sideways"


async def fill(page: Page, number: str, expiry: str = "12/39", cvc: str = "123") -> None:
    await page.fill("#number", number)
    await page.fill("#expiry", expiry)
    await page.fill("#cvc", cvc)


async def test_a_customer_pays_with_the_keyboard_alone_and_without_javascript(gateway: Gateway, browser: Browser) -> None:
    payment = await gateway.payment(description="Lunch")
    page = await (await browser.new_context(java_script_enabled=False)).new_page()
    await page.goto(payment["redirect_url"])
    await page.focus("#number")
    for text in ("4242424242424242", "12/39", "123"):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/return?**")
    assert f"payment={payment['id']}" in page.url
    assert (await gateway.get(f"/payments/{payment['id']}"))["status"] == "succeeded"
    await page.go_back()
    await page.reload()
    assert await page.inner_text("h1") == "Payment complete"


async def test_mistakes_move_the_focus_to_the_first_wrong_field(gateway: Gateway, browser: Browser) -> None:
    payment = await gateway.payment()
    page = await browser.new_page()
    await page.goto(payment["redirect_url"])
    await fill(page, "4242424242424242", expiry="01/20", cvc="x")
    await page.click("button.primary")
    await page.wait_for_selector("[role=alert]")
    assert await page.evaluate("document.activeElement.id") == "expiry"
    assert await page.input_value("#number") == "4242 4242 4242 4242"
    assert await page.input_value("#cvc") == ""
    described = (await page.get_attribute("#expiry", "aria-describedby") or "").split()
    assert await page.inner_text(f"#{described[0]}") == "This card has expired. Enter a date in the future."
    await check(page, "mistakes")


async def test_the_bank_is_asked_and_a_decline_leads_back(gateway: Gateway, browser: Browser) -> None:
    payment = await gateway.payment(locale="tr")
    page = await browser.new_page()
    await page.goto(payment["redirect_url"])
    await fill(page, "4000002500003155")
    await page.click("button.primary")
    await page.wait_for_url("**/3ds")
    await check(page, "challenge-tr")
    await page.click("text=Reddet")
    await page.wait_for_selector(".outcome.failed")
    await check(page, "declined-tr")
    await page.click("text=İşyerine dön")
    await page.wait_for_url("**/return?**")


async def test_a_test_card_is_filled_in_by_its_link_and_cancelling_leads_back(gateway: Gateway, browser: Browser) -> None:
    payment = await gateway.payment()
    page = await browser.new_page()
    await page.goto(payment["redirect_url"])
    await page.click("summary")
    await page.click("[aria-label='Use the card ending in 0002']")
    assert await page.input_value("#number") == "4000 0000 0000 0002"
    await page.click("text=Cancel and go back")
    await page.wait_for_url("**/return?**")
    assert (await gateway.get(f"/payments/{payment['id']}"))["status"] == "cancelled"


@pytest.mark.parametrize(
    ("language", "scheme", "width"), [("en", "light", 1024), ("en", "dark", 360), ("tr", "light", 360), ("tr", "dark", 1024)]
)
async def test_every_page_is_accessible_in_both_languages_schemes_and_widths(
    gateway: Gateway, browser: Browser, language: str, scheme: str, width: int
) -> None:
    colours: Literal["light", "dark"] = "dark" if scheme == "dark" else "light"
    context = await browser.new_context(color_scheme=colours, viewport={"width": width, "height": 800})
    page = await context.new_page()
    name = f"{language}-{scheme}-{width}"
    description = "Yemekhane kartı yüklemesi" if language == "tr" else "Load the lunch card"
    payment = await gateway.payment(locale=language, description=description, merchant_reference=f"att_{name}" + "0" * 40)
    await page.goto(payment["redirect_url"])
    await page.click("summary")
    await check(page, f"form-{name}")
    await fill(page, "4539578763621486", expiry="1", cvc="")
    await page.click("button.primary")
    await page.wait_for_selector("[role=alert]")
    await check(page, f"wrong-{name}")
    outcomes = {"4242424242424242": "succeeded", "4000000000000077": "processing", "4000000000009995": "failed"}
    for card, outcome in outcomes.items():
        ended = await gateway.played(card=card, locale=language)
        await page.goto(ended["redirect_url"])
        await check(page, f"{outcome}-{name}")
    await page.goto(f"{gateway.base}/simulated/pay/none?lang={language}")
    await check(page, f"none-{name}")
