"""PayU's page in Chromium: paid by keyboard, with and without JavaScript, accessible in both languages, dark and narrow."""

import pytest
from playwright.async_api import Browser

from sandbox.merchant import Gateway
from sandbox.payu_customer import DELAYED, MASTERCARD, POOR, PayuCustomer
from sandbox.test_pages_in_a_browser import browser, check, fill

__all__ = ["browser"]

pytestmark = pytest.mark.browser


async def test_a_customer_pays_and_is_taken_back_by_itself(gateway: Gateway, browser: Browser) -> None:
    gateway.merchant.answers = [200]
    payu = PayuCustomer(gateway)
    txnid, address = await payu.page()
    page = await browser.new_page()
    await page.goto(f"{gateway.base}{address}")
    await fill(page, MASTERCARD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/webhook")
    assert b"unmappedstatus=captured" in gateway.merchant.received[0].body
    assert (await payu.verified(txnid))["status"] == "success"


async def test_without_javascript_a_button_takes_the_customer_back(gateway: Gateway, browser: Browser) -> None:
    gateway.merchant.answers = [200]
    _, address = await PayuCustomer(gateway).page()
    page = await (await browser.new_context(java_script_enabled=False)).new_page()
    await page.goto(f"{gateway.base}{address}")
    await fill(page, POOR)
    await page.click("button.primary")
    await page.wait_for_selector("#back")
    await page.click("#back button")
    await page.wait_for_url("**/webhook?failed")
    assert b"status=failure" in gateway.merchant.received[0].body


@pytest.mark.parametrize(("language", "scheme", "width"), [("en", "light", 1024), ("tr", "dark", 360)])
async def test_every_page_is_accessible(gateway: Gateway, browser: Browser, language: str, scheme: str, width: int) -> None:
    context = await browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 800},
    )
    await context.add_init_script("HTMLFormElement.prototype.submit = () => {}")  # the way back stays in sight
    page = await context.new_page()
    payu, name = PayuCustomer(gateway), f"payu-{language}-{width}"
    _, address = await payu.page(productinfo="Yaz konseri, iki kişilik")
    await page.goto(f"{gateway.base}{address}?lang={language}")
    await page.click("summary")
    await check(page, f"{name}-form")
    await fill(page, "1", expiry="1", cvc="")
    await page.click("button.primary")
    await page.wait_for_selector("[role=alert]")
    await check(page, f"{name}-wrong")
    await fill(page, MASTERCARD)
    await page.check("#stay")
    await page.click("button.primary")
    await page.wait_for_url("**/closed?*")
    await check(page, f"{name}-closed")
    for card in (MASTERCARD, DELAYED, POOR):
        txnid, address = await payu.page()
        await payu.act(txnid, card=card)
        await page.goto(f"{gateway.base}{address}?lang={language}")
        await check(page, f"{name}-back")
    await page.goto(f"{gateway.base}/payu/pay/none?lang={language}")
    await check(page, f"{name}-none")
