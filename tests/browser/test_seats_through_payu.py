"""Seats bought in a real browser through PayU's own page: chosen at the checkout, declined, tried again, paid (ET4, ET7, ET8)."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from playwright.async_api import Page, expect

from running import Running

pytestmark = pytest.mark.xdist_group("deployment")

NewPage = Callable[..., Awaitable[Page]]
Accessible = Callable[[Page], Awaitable[None]]
CARD, POOR = "5123 4567 8901 2346", "4000 0000 0000 9995"


class BoxOffice:
    """The merchant's side of the deployment."""

    def __init__(self, deployment: Running) -> None:
        self.url, self.headers = deployment.url, deployment.headers

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """What the API answers."""
        answer = httpx2.request(method, f"{self.url}{path}", headers=self.headers, json=body, timeout=20)
        return answer.raise_for_status().json()

    def order(self, seats: int = 2) -> dict[str, Any]:
        """Seats that wait for their payment, in rupees."""
        item = self.ask("POST", "/v1/items", {"name": "Seat", "prices": {"INR": 50_000}})
        event = self.ask("POST", "/v1/resources", {"kind": "event", "name": "Ragas", "capacity": 10, "item_id": item["id"]})
        customer = self.ask("POST", "/v1/customers", {"reference": uuid4().hex, "name": "Ravi", "email": "ravi@example.com"})
        line = {"kind": "booking", "resource_id": event["id"], "quantity": seats}
        body = {"customer_id": customer["id"], "currency": "INR", "lines": [line], "return_url": "https://shop.example/paid"}
        placed: dict[str, Any] = self.ask("POST", "/v1/orders", body)
        return placed


@pytest.fixture
def box_office(deployment: Running) -> Iterator[BoxOffice]:
    made = BoxOffice(deployment)
    before = made.ask("GET", "/v1/tenant")["settings"]["other_providers"]
    made.ask("PATCH", "/v1/tenant", {"settings": {"other_providers": ["payu"]}})
    yield made
    made.ask("PATCH", "/v1/tenant", {"settings": {"other_providers": before}})


async def to_payu(page: Page) -> None:
    """Choose PayU, and be carried to its page by the form that nobody sees."""
    await page.locator("input[name=provider][value=payu]").check()
    await page.locator("form[action*=attempts] button").click()
    await page.wait_for_url("**/payu/pay/**")


async def use_card(page: Page, number: str) -> None:
    await page.locator("#number").fill(number)
    await page.locator("#expiry").fill("12/40")
    await page.locator("#cvc").fill("123")
    await page.locator("button.primary").first.click()


@pytest.mark.parametrize(
    ("look", "paid"),
    [
        ({"locale": "en-GB"}, "Paid. Thank you!"),
        ({"locale": "tr-TR", "color_scheme": "dark", "width": 360}, "Ödendi. Teşekkürler!"),
        ({"locale": "en-GB", "java_script_enabled": False}, "Paid. Thank you!"),
    ],
)
async def test_seats_are_declined_tried_again_and_paid_at_payu(
    box_office: BoxOffice, new_page: NewPage, assert_accessible: Accessible, look: dict[str, object], paid: str
) -> None:
    placed = box_office.order()
    scripts = look.get("java_script_enabled", True)
    page = await new_page(**look)
    await page.goto(placed["checkout_url"])
    if scripts:
        await assert_accessible(page)
    await _pay(page, POOR, scripts=bool(scripts))
    await expect(page.get_by_role("alert")).to_be_visible()
    await _pay(page, CARD, scripts=bool(scripts))
    await expect(page.get_by_role("heading", level=1)).to_have_text(paid)
    if scripts:
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    order = box_office.ask("GET", f"/v1/orders/{placed['order']['id']}")
    assert order["status"] == "fulfilled"
    shown = box_office.ask("GET", f"/api/payments/orders/{placed['order']['id']}")
    assert [attempt["status"] for attempt in shown["attempts"]] == ["failed", "captured"]
    tickets = box_office.ask("GET", f"/v1/tickets?resource_id={order['lines'][0]['details']['resource_id']}")["data"]
    assert len(tickets) == 2


async def _pay(page: Page, card: str, *, scripts: bool) -> None:
    if scripts:
        await to_payu(page)
    else:  # each form waits for its button
        await page.locator("input[name=provider][value=payu]").check()
        await page.locator("form[action*=attempts] button").click()
        await page.locator("#forward button").click()
        await page.wait_for_url("**/payu/pay/**")
    await use_card(page, card)
    if not scripts:
        await page.locator("#back button").click()
    await page.wait_for_url("**/checkout/**")


async def test_two_tabs_at_payu_pay_one_order_once(box_office: BoxOffice, new_page: NewPage) -> None:
    placed = box_office.order()
    first, second = await new_page(), await new_page()
    for page in (first, second):
        await page.goto(placed["checkout_url"])
        await to_payu(page)
    await use_card(first, CARD)
    await first.wait_for_url("**/checkout/**")
    await use_card(second, CARD)
    await second.wait_for_url("**/checkout/**")
    for page in (first, second):
        await expect(page.get_by_role("heading", level=1)).to_have_text("Paid. Thank you!")
    payment = box_office.ask("GET", f"/v1/payments/{placed['payment']['id']}")
    assert (payment["captured_minor"], payment["flag"], len(payment["attempts"])) == (100_000, None, 1)
