"""The console in a real browser: each screen in every look, and a day's work by people who click (the partner dashboard)."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from console_fixtures import GUESTS, Clerk, Office, office, order_of, stated
from desk_fixtures import sandbox
from orders_fixtures import seats
from staff_fixtures import PASSWORD, joined

__all__ = ["office", "sandbox"]

NewPage = Callable[..., Awaitable[Page]]
Accessible = Callable[[Page], Awaitable[None]]


async def _as(page: Page, office: Office, clerk: Clerk) -> None:
    """Let the browser be this clerk's."""
    await page.context.add_cookies(
        [{"name": f"vezne-{office.slug}", "value": clerk.token or "", "url": f"{office.url}{office.root}"}]
    )


async def _check(page: Page, assert_accessible: Accessible) -> None:
    await assert_accessible(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url


async def _screens(office: Office) -> list[str]:
    """Every screen with something on it."""
    host = await office.payee()
    event = await office.event(2_500, item={"payee_id": host})
    placed = await office.sold(event, 2, GUESTS[0])
    pending = await office.order(await office.guest(GUESTS[1]), [seats(event)])
    promised = await office.promised(await office.event(12_500))
    finance = await office.clerk("finance")
    assert finance.person is not None
    await finance.do("/payouts", "/payouts", payee=stated("pye", host))
    (payout,) = await office.payouts()
    settlement = (await finance.see("/settlements")).split("/settlements/stl_")[1].split('"')[0]
    return [
        "",
        "/orders",
        "/orders/new",
        order_of(placed),
        order_of(pending),
        f"{order_of(placed)}/refund",
        f"/reservations?resource={stated('rsc', event.id)}",
        f"/reservations/{placed['order']['lines'][0]['details']['claim_id']}",
        "/check-in",
        "/payments",
        f"/payments/{placed['payment']['id']}",
        f"/payments/{promised['payment']['id']}",
        "/settlements",
        f"/settlements/stl_{settlement}",
        "/payouts",
        f"/payouts/{stated('pot', payout.id)}",
        "/staff",
        f"/staff/{stated('stf', finance.person.id)}",
        "/account",
        "/account/second-step",
        "/orders/nothing",
    ]


@pytest.mark.slow
async def test_every_screen_is_accessible_in_every_look_and_never_scrolls_sideways(
    office: Office, new_page: NewPage, assert_accessible: Accessible
) -> None:
    screens = await _screens(office)
    clerk = await office.clerk()
    looks: list[dict[str, object]] = [
        {"width": 1280, "color_scheme": "light", "locale": "en-GB"},
        {"width": 1280, "color_scheme": "dark", "locale": "tr-TR"},
        {"width": 360, "color_scheme": "light", "locale": "tr-TR"},
        {"width": 360, "color_scheme": "dark", "locale": "en-GB"},
    ]
    for look in looks:
        page = await new_page(**look)
        await page.goto(f"{office.url}{office.root}/sign-in")
        await _check(page, assert_accessible)
        await _as(page, office, clerk)
        for screen in screens:
            await page.goto(f"{office.url}{office.root}{screen}")
            await expect(page.get_by_role("heading", level=1)).to_have_count(1)
            assert await page.locator("html").get_attribute("lang") == str(look["locale"])[:2]
            await _check(page, assert_accessible)


@pytest.mark.parametrize("scripts", [True, False])
async def test_signing_in_by_keyboard_leads_to_the_page_that_was_wanted(
    office: Office, new_page: NewPage, assert_accessible: Accessible, *, scripts: bool
) -> None:
    person = await joined(office.db, office.tenant)
    page = await new_page(java_script_enabled=scripts, locale="en-GB")
    await page.goto(f"{office.url}{office.root}/orders?status=pending")
    await page.locator("#email").fill(person.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type("wrong wrong wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("E-mail or password is not right")
    await page.locator("#password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{office.url}{office.root}/orders?status=pending")
    if scripts:
        await _check(page, assert_accessible)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("status")).to_contain_text("You are signed out")
    await page.go_back()
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


async def test_the_first_tab_stop_leads_past_the_menu(office: Office, new_page: NewPage) -> None:
    page = await new_page()
    await _as(page, office, await office.clerk())
    await page.goto(f"{office.url}{office.root}/orders")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip-link"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "content"


async def test_a_payout_is_asked_for_by_one_and_approved_by_another(
    office: Office, new_page: NewPage, assert_accessible: Accessible
) -> None:
    host = await office.payee()
    await office.sold(await office.event(2_500, item={"payee_id": host}), 2)
    partner, checker = await new_page(locale="tr-TR", width=360), await new_page(locale="en-GB")
    await _as(partner, office, await office.clerk("partner", host))
    await _as(checker, office, await office.clerk("finance"))
    await partner.goto(f"{office.url}{office.root}")
    await expect(partner.get_by_role("link", name="Personel")).to_have_count(0)
    await partner.get_by_role("link", name="Hakediş ödemeleri").click()
    await partner.get_by_role("button", name="İste").dblclick()
    await expect(partner.get_by_role("status")).to_contain_text("Ödeme istendi")
    await _check(partner, assert_accessible)
    assert len(await office.payouts()) == 1
    await checker.goto(f"{office.url}{office.root}")
    await checker.get_by_role("link", name="Payouts to decide").click()
    await checker.locator("main table a").first.click()
    await checker.get_by_role("button", name="Approve").click()
    await expect(checker.get_by_role("status")).to_contain_text("Approved")
    await _check(checker, assert_accessible)
    await partner.reload()
    await expect(partner.locator("main")).to_contain_text("Onaylandı")


async def test_a_ticket_is_scanned_twice_and_the_second_time_is_told(
    office: Office, new_page: NewPage, assert_accessible: Accessible
) -> None:
    placed = await office.sold(await office.event(2_500))
    (code,) = await office.codes(placed)
    page = await new_page(locale="en-GB", width=360, color_scheme="dark")
    await _as(page, office, await office.clerk("door"))
    await page.goto(f"{office.url}{office.root}")
    await page.locator(".console-nav").get_by_role("link", name="Check-in").click()
    for verdict in ("Welcome", "Already inside"):
        await expect(page.locator("#code")).to_be_focused()
        await page.keyboard.type(code)  # a hand scanner types, and ends with Enter
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text(verdict)
        await _check(page, assert_accessible)


async def test_an_order_is_placed_and_its_link_is_paid(office: Office, new_page: NewPage, assert_accessible: Accessible) -> None:
    event = await office.event(2_500)
    page, buyer = await new_page(locale="en-GB"), await new_page(locale="tr-TR", width=360)
    await _as(page, office, await office.clerk("support"))
    await page.goto(f"{office.url}{office.root}/orders/new?resource={stated('rsc', event.id)}")
    await page.get_by_label("Number").fill("2")
    await page.get_by_label("Name", exact=True).fill(GUESTS[3])
    await page.get_by_role("button", name="Place the order").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Order of {GUESTS[3]}")
    shown = page.url.partition("?")[0]
    await page.get_by_role("button", name="Make a payment link").click()
    await _check(page, assert_accessible)
    await buyer.goto(await page.get_by_label("Link").input_value())
    await buyer.locator("form[action*=attempts] button").first.click()
    await buyer.wait_for_url("**/simulated/pay/**")
    await buyer.locator("#number").fill("4242 4242 4242 4242")
    await buyer.locator("#expiry").fill("12/40")
    await buyer.locator("#cvc").fill("123")
    await buyer.locator("button.primary").click()
    await expect(buyer.get_by_role("heading", level=1)).to_contain_text("Ödendi")
    await page.goto(shown)
    await expect(page.locator("main")).to_contain_text("Done")
    await expect(page.get_by_role("button", name="Check in Ticket 2")).to_be_visible()
