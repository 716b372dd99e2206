"""The checkout in a real browser, against the sandbox's card pages: every way a payment can go (CW4)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from checkout_fixtures import Bill, Till, till
from desk_fixtures import sandbox
from vezne.kernel import clock

__all__ = ["sandbox", "till"]

NewPage = Callable[..., Awaitable[Page]]
Accessible = Callable[[Page], Awaitable[None]]
GOOD, POOR, LATE = "4242 4242 4242 4242", "4000 0000 0000 9995", "4000 0000 0000 0077"
APPROVED, REFUSED = "4000 0025 0000 3155", "4000 0082 6000 3178"


@pytest.fixture
async def worker(till: Till) -> AsyncIterator[None]:
    """Webhooks are acted on while the test runs."""
    async with till.worker():
        yield


async def _to_the_bank(page: Page) -> None:
    await page.locator("form[action*=attempts] button").click()
    await page.wait_for_url("**/simulated/pay/**")


async def _use_card(page: Page, number: str) -> None:
    await page.locator("#number").fill(number)
    await page.locator("#expiry").fill("12/40")
    await page.locator("#cvc").fill("123")
    await page.locator("button.primary").click()


async def _back_to_us(page: Page) -> None:
    await page.locator("a.primary").click()
    await page.wait_for_url("**/checkout/**")


async def _credited(till: Till, bill: Bill) -> None:
    async with asyncio.timeout(10):
        while await till.balance(bill) == 0:
            await asyncio.sleep(0.05)
    assert await till.balance(bill) == 10_000
    assert await till.events("payment.succeeded") == 1


@pytest.mark.parametrize(
    ("look", "paid"),
    [
        ({"locale": "en-GB"}, "Paid. Thank you!"),
        ({"locale": "tr-TR", "color_scheme": "dark", "width": 360}, "Ödendi. Teşekkürler!"),
        ({"locale": "tr-TR", "width": 320, "reduced_motion": "reduce"}, "Ödendi. Teşekkürler!"),
        ({"locale": "en-GB", "java_script_enabled": False}, "Paid. Thank you!"),
    ],
)
async def test_a_customer_pays(
    till: Till, new_page: NewPage, assert_accessible: Accessible, look: dict[str, object], paid: str
) -> None:
    bill = await till.bill(return_url="https://shop.example/paid")
    page = await new_page(**look)
    await page.goto(bill.url)
    await _check(page, look, assert_accessible)
    await _to_the_bank(page)
    await _use_card(page, GOOD)
    await page.wait_for_url(bill.url)
    await expect(page.get_by_role("heading", level=1)).to_have_text(paid)
    await expect(page.locator("a[href='https://shop.example/paid']")).to_be_visible()
    await _check(page, look, assert_accessible)
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text(paid)
    await _credited(till, bill)


async def _check(page: Page, look: dict[str, object], assert_accessible: Accessible) -> None:
    if look.get("java_script_enabled", True):
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_a_declined_card_is_explained_and_focused_and_another_one_pays(
    till: Till, new_page: NewPage, assert_accessible: Accessible
) -> None:
    bill = await till.bill()
    page = await new_page()
    await page.goto(bill.url)
    await _to_the_bank(page)
    await _use_card(page, POOR)
    await _back_to_us(page)
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("There is not enough money on this card")
    await expect(alert).to_be_focused()
    await expect(page).to_have_title("Declined: pay Kampüs")
    await assert_accessible(page)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/simulated/pay/**")
    await _use_card(page, GOOD)
    await expect(page.get_by_role("status")).to_contain_text("Paid. Thank you!")
    await _credited(till, bill)


@pytest.mark.parametrize(("card", "answer", "paid"), [(APPROVED, "approve", True), (REFUSED, "approve", False)])
async def test_the_banks_question_is_answered(till: Till, new_page: NewPage, card: str, answer: str, *, paid: bool) -> None:
    bill = await till.bill()
    page = await new_page()
    await page.goto(bill.url)
    await _to_the_bank(page)
    await _use_card(page, card)
    await page.locator(f"button[value={answer}]").click()
    if paid:
        await expect(page.get_by_role("status")).to_contain_text("Paid. Thank you!")
        await _credited(till, bill)
    else:
        await _back_to_us(page)
        await expect(page.get_by_role("alert")).to_contain_text("declined")
        assert await till.balance(bill) == 0


async def test_a_question_answered_with_no_is_a_decline(till: Till, new_page: NewPage) -> None:
    bill = await till.bill()
    page = await new_page()
    await page.goto(bill.url)
    await _to_the_bank(page)
    await _use_card(page, APPROVED)
    await page.locator("button[value=decline]").click()
    await _back_to_us(page)
    await expect(page.get_by_role("alert")).to_contain_text("could not confirm that it was you")


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_late_success_appears_by_itself(till: Till, new_page: NewPage, worker: None, *, scripts: bool) -> None:
    bill = await till.bill()
    page = await new_page(java_script_enabled=scripts)
    await page.goto(bill.url)
    await _to_the_bank(page)
    await _use_card(page, LATE)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Paid. Thank you!", timeout=15_000)
    await _credited(till, bill)


async def test_a_double_click_is_one_attempt(till: Till, new_page: NewPage) -> None:
    bill = await till.bill()
    page = await new_page()
    await page.goto(bill.url)
    await page.locator("form[action*=attempts] button").dblclick()
    await page.wait_for_url("**/simulated/pay/**")
    assert len(await till.attempts(bill.payment_id)) == 1
    await _use_card(page, GOOD)
    await _credited(till, bill)


async def test_what_is_paid_in_one_tab_is_seen_in_the_other(till: Till, new_page: NewPage) -> None:
    bill = await till.bill()
    first, second = await new_page(), await new_page()
    for page in (first, second):
        await page.goto(bill.url)
        await _to_the_bank(page)
    assert first.url == second.url
    await second.go_back()
    await expect(second.get_by_role("status")).to_contain_text("You have begun to pay")
    await _use_card(first, GOOD)
    await expect(first.get_by_role("status")).to_contain_text("Paid. Thank you!")
    await expect(second.get_by_role("status")).to_contain_text("Paid. Thank you!", timeout=15_000)
    await _credited(till, bill)


async def test_the_webhook_alone_credits_when_the_browser_is_closed_at_the_bank(
    till: Till, new_page: NewPage, worker: None
) -> None:
    bill = await till.bill()
    page = await new_page()
    await page.goto(bill.url)
    await _to_the_bank(page)
    await page.route("**/checkout/**", lambda route: route.abort())
    await _use_card(page, GOOD)
    await page.close()
    await _credited(till, bill)


async def test_the_back_button_offers_to_continue_and_the_button_works_again(till: Till, new_page: NewPage) -> None:
    bill = await till.bill()
    page = await new_page()
    await page.goto(bill.url)
    await _to_the_bank(page)
    await page.go_back()
    button = page.locator("form[action*=attempts] button")
    await expect(button).to_have_text("Continue to payment")
    await expect(button).to_be_enabled()
    await _to_the_bank(page)
    await _use_card(page, GOOD)
    await expect(page.get_by_role("status")).to_contain_text("Paid. Thank you!")
    await page.go_back()
    await page.goto(bill.url)
    await expect(page.get_by_role("status")).to_contain_text("Paid. Thank you!")
    await _credited(till, bill)


async def test_an_expired_checkout_says_so_and_cannot_be_paid(
    till: Till, new_page: NewPage, assert_accessible: Accessible
) -> None:
    bill = await till.bill(return_url="https://shop.example/again")
    page = await new_page(color_scheme="dark", width=360)
    await page.goto(bill.url)
    async with till.db.transaction(till.principal) as tx:
        await clock.hold(tx, tx.now + timedelta(hours=1))
    await page.locator("form[action*=attempts] button").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("The time to pay is over")
    await expect(page.locator("form")).to_have_count(0)
    await assert_accessible(page)


async def test_cancelling_asks_first_and_the_language_is_kept_on_the_way(till: Till, new_page: NewPage) -> None:
    bill = await till.bill()
    page = await new_page(locale="en-GB")
    await page.goto(bill.url)
    await page.get_by_role("link", name="Türkçe").click()
    await page.get_by_role("link", name="Bu siparişi iptal et").click()
    await page.get_by_role("link", name="Hayır, ödemeye dön").click()
    await page.get_by_role("link", name="Bu siparişi iptal et").click()
    await page.get_by_role("button", name="Evet, siparişi iptal et").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Bu sipariş iptal edildi")


async def test_leaving_the_banks_page_leads_back_to_a_page_that_can_be_paid(till: Till, new_page: NewPage) -> None:
    bill = await till.bill()
    page = await new_page(locale="tr-TR")
    await page.goto(f"{bill.url}?lang=en")
    await _to_the_bank(page)
    await page.locator("button.quiet").click()
    await page.wait_for_url("**/checkout/**")
    assert urlsplit(page.url).query == "lang=en"
    await expect(page.locator("form[action*=attempts] button")).to_contain_text("Pay TRY")


async def test_no_script_is_needed_to_find_the_way_by_keyboard(till: Till, new_page: NewPage) -> None:
    bill = await till.bill()
    page = await new_page(java_script_enabled=False)
    await page.goto(bill.url)
    for _ in range(2):
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/simulated/pay/**")


async def test_the_receipt_prints_without_what_only_a_screen_needs(till: Till, new_page: NewPage) -> None:
    bill = await till.bill(return_url="https://shop.example/paid")
    await till.pay_at_bank(bill, "4242424242424242")
    await till.page(bill, "/return")
    page = await new_page()
    await page.goto(bill.url)
    await expect(page.get_by_role("button", name="Print the receipt")).to_be_visible()
    await page.emulate_media(media="print")
    await expect(page.get_by_role("button", name="Print the receipt")).to_be_hidden()
    await expect(page.get_by_text(bill.order)).to_be_visible()
