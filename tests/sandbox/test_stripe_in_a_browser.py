"""Stripe's pages in Chromium: paid by keyboard alone, declines tried again, accessible in both languages, dark and narrow."""

import asyncio
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from sandbox.stripe_lab import Lab
from sandbox.test_pages_in_a_browser import browser, check, fill

__all__ = ["browser"]

pytestmark = pytest.mark.browser

POOR, ASKING = "4000000000009995", "4000002760003184"


async def opened(lab: Lab, page: Page, **facts: Any) -> str:  # noqa: ANN401 - parameters of a session
    """A new session's page; the session's id."""
    session = await asyncio.to_thread(partial(lab.session, **facts))
    await page.goto(session.url)
    return str(session.id)


async def status(lab: Lab, session_id: str) -> str:
    return str((await asyncio.to_thread(lab.v1.checkout.sessions.retrieve, session_id)).payment_status)


async def test_a_customer_pays_with_the_keyboard_alone_and_without_javascript(stripe_lab: Lab, browser: Browser) -> None:
    page = await (await browser.new_context(java_script_enabled=False)).new_page()
    session_id = await opened(stripe_lab, page)
    await page.focus("#email")
    for text in ("ada@example.com", "4242424242424242", "12/39", "123"):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/done?session={session_id}")
    assert await status(stripe_lab, session_id) == "paid"


async def test_the_first_things_the_keyboard_reaches_are_the_way_to_the_payment_and_the_languages(
    stripe_lab: Lab, browser: Browser
) -> None:
    page = await browser.new_page()
    await opened(stripe_lab, page)
    reached = []
    for _ in range(6):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("(document.activeElement.innerText || document.activeElement.id).trim()"))
    assert reached == ["Skip to the payment", "English", "Türkçe", "Apple Pay", "Google Pay", "email"]


async def test_a_wallet_pays_at_once(stripe_lab: Lab, browser: Browser) -> None:
    page = await browser.new_page()
    session_id = await opened(stripe_lab, page)
    await page.click("[aria-label='Pay with Google Pay']")
    await page.wait_for_url("**/done?**")
    assert await status(stripe_lab, session_id) == "paid"
    await page.go_back()
    await page.reload()
    assert await page.inner_text("h1") == "Payment complete"


async def test_declines_and_the_banks_question_lead_back_to_the_page_until_it_is_paid(stripe_lab: Lab, browser: Browser) -> None:
    page = await browser.new_page()
    session_id = await opened(stripe_lab, page, customer_email="ada@example.com", locale="tr")
    await fill(page, POOR)
    await page.click("main form button.primary")
    await page.wait_for_selector("[role=alert]")
    assert "Kartta ya da hesapta yeterli bakiye yok." in await page.inner_text("[role=alert]")
    await check(page, "stripe-declined-tr")
    await fill(page, ASKING)
    await page.click("main form button.primary")
    await page.wait_for_url("**/stripe/3ds/**")
    await page.click("text=English")
    assert await page.inner_text("h1") == "Confirm the payment"
    await page.click("text=Türkçe")
    await check(page, "stripe-question-tr")
    await page.click("[value=decline]")
    await page.wait_for_selector("[role=alert]")
    assert "Ödeme bankada onaylanmadı." in await page.inner_text("[role=alert]")
    await fill(page, ASKING)
    await page.click("main form button.primary")
    await page.click("[value=approve]")
    await page.wait_for_url("**/done?**")
    assert await status(stripe_lab, session_id) == "paid"


async def test_mistakes_move_the_focus_to_the_first_wrong_field(stripe_lab: Lab, browser: Browser) -> None:
    page = await browser.new_page()
    await opened(stripe_lab, page)
    await fill(page, "4242424242424242", expiry="01/20", cvc="x")
    await page.click("main form button.primary")
    await page.wait_for_selector("[role=alert]")
    assert await page.evaluate("document.activeElement.id") == "email"
    described = (await page.get_attribute("#email", "aria-describedby") or "").split()
    assert await page.inner_text(f"#{described[0]}") == "Enter an e-mail address, such as ada@example.com."
    assert await page.input_value("#number") == "4242 4242 4242 4242"


@pytest.mark.parametrize(
    ("language", "scheme", "width"), [("en", "light", 1024), ("en", "dark", 360), ("tr", "light", 360), ("tr", "dark", 1024)]
)
async def test_every_page_is_accessible_in_both_languages_schemes_and_widths(
    stripe_lab: Lab, browser: Browser, language: str, scheme: str, width: int
) -> None:
    context = await browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 800}
    )
    page = await context.new_page()
    name = f"stripe-{language}-{width}"
    session_id = await opened(
        stripe_lab, page, locale=language, currency="eur", payment_method_types=["card", "sepa_debit"], amount=123_450
    )
    await page.click("summary")
    await check(page, f"{name}-form")
    await fill(page, "4539578763621486", expiry="1", cvc="")
    await page.click("main form button.primary")
    await page.wait_for_selector("[role=alert]")
    await check(page, f"{name}-wrong")
    await page.fill("#iban", "AT61 1904 3002 3457 3201")
    await page.click("button.secondary")
    await page.wait_for_url("**/done?**")
    await page.goto(f"{stripe_lab.base}/stripe/pay/{session_id}?lang={language}")
    await check(page, f"{name}-done")
    setup = {"mode": "setup", "line_items": None, "currency": "usd"}
    other = await opened(stripe_lab, page, locale=language, **setup)
    await check(page, f"{name}-setup")
    await asyncio.to_thread(stripe_lab.v1.checkout.sessions.expire, other)
    await page.reload()
    await check(page, f"{name}-expired")
    intent = await asyncio.to_thread(stripe_lab.intent)
    await page.goto(f"{stripe_lab.base}/stripe/receipts/{intent.latest_charge}?lang={language}")
    await check(page, f"{name}-receipt")
    await page.goto(f"{stripe_lab.base}/stripe/pay/none?lang={language}")
    await check(page, f"{name}-none")
