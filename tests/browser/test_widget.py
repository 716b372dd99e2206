"""The booking widget in a real browser, in a frame on somebody else's web site, as its guests meet it (SR3, SR4, SR10)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx2
import pytest
from playwright.async_api import Frame, FrameLocator, Page, expect

from tenancy_fixtures import TenantMaker
from vezne import identity
from vezne.app.http import create_app
from vezne.kernel.db import Database
from vezne.kernel.settings import Settings
from widget_fixtures import Depot, on_a_port, shop

NewPage = Callable[..., Awaitable[Page]]
Accessible = Callable[[Page], Awaitable[None]]
HEADINGS = {"en": "Reserve your storage", "tr": "Deponuzu ayırtın"}
HELD = {"en": "Your storage is held for you", "tr": "Deponuz sizin için tutuluyor"}


def day(ahead: int) -> str:
    """A day from now, as a date field takes it."""
    return (date.today() + timedelta(days=ahead)).isoformat()  # noqa: DTZ011 - the guest's own calendar


@dataclass(frozen=True)
class Front:
    """The service on one origin, with a storage place behind it."""

    url: str
    depot: Depot

    @property
    def key(self) -> str:
        """The publishable key."""
        return self.depot.tenant.publishable_key

    def tag(self, attributes: str = "") -> str:
        """What a web site puts into its page."""
        return (
            f'<script async src="{self.url}/widget/v1.js"></script><vezne-booking key="{self.key}" {attributes}></vezne-booking>'
        )

    @asynccontextmanager
    async def site(self, body: str | None = None, *, allowed: bool = True) -> AsyncIterator[str]:
        """A web site on another origin and another host."""
        async with on_a_port(lambda _: shop(self.tag() if body is None else body), host="localhost") as url:
            await self.depot.change(widget_origins=[url] if allowed else [])
            yield url


@pytest.fixture
async def front(db: Database, make_tenant: TenantMaker) -> AsyncIterator[Front]:
    tenant = await make_tenant(
        payment_provider="magicpay", privacy_url="https://otel.example/kvkk", terms_url="https://otel.example/terms"
    )
    async with (
        on_a_port(lambda url: create_app(Settings(public_url=url), db=db)) as url,
        httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20) as http,
    ):
        depot = Depot(db, tenant, http)
        await depot.storage(3, name="Kadıköy Depo")
        yield Front(url, depot)


async def fill(widget: FrameLocator | Page, **other: str) -> None:
    """Everything that is asked."""
    values = {"checkin_date": day(10), "checkout_date": day(12), "name": "Ada Lovelace", "email": "ada@example.org"} | other
    for name, value in values.items():
        await widget.locator(f"#{name}").fill(value)
    await widget.locator("#kvkk_consent").check()
    await widget.locator("#terms_consent").check()


async def see_through(page: Page, accessible: Accessible) -> None:
    """No barrier in the page, and nothing to scroll sideways."""
    await accessible(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def frame_of(page: Page) -> Frame:
    """The widget's own frame."""
    return next(frame for frame in page.frames if "/widget/" in frame.url and frame is not page.main_frame)


LOOKS: list[dict[str, Any]] = [
    {"locale": "en-GB"},
    {"locale": "tr-TR", "color_scheme": "dark", "width": 360},
    {"locale": "tr-TR", "width": 320, "reduced_motion": "reduce"},
]


@pytest.mark.parametrize("look", LOOKS)
async def test_a_guest_reserves_on_another_site_and_pays(front: Front, new_page: NewPage, look: dict[str, Any]) -> None:
    lang = look["locale"][:2]
    async with front.site(front.tag(f'lang="{lang}"')) as site:
        page = await new_page(**look)
        await page.goto(site)
        widget = page.frame_locator("vezne-booking iframe")
        await expect(widget.get_by_role("heading", level=1)).to_have_text(HEADINGS[lang])
        await fill(widget)
        await widget.locator("button[type=submit]").click()
        await page.wait_for_url(f"{front.url}/payments/magicpay/demo/session_*")
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    made = await front.depot.all_of()
    assert [(each.guest.name, each.locale, each.status) for each in made] == [("Ada Lovelace", lang, "converted")]
    session = page.url.rpartition("/")[2].partition("?")[0]
    ended = await front.depot.post(f"/v1/demo/payments/{session}/simulate", {"result": "success"})
    assert ended.json()["payment_status"] == "paid"


@pytest.mark.parametrize("look", [*LOOKS, {"locale": "en-GB", "color_scheme": "dark"}])
async def test_every_step_is_without_barriers(
    front: Front, new_page: NewPage, assert_accessible: Accessible, look: dict[str, Any]
) -> None:
    lang = look["locale"][:2]
    page = await new_page(**look)
    await page.goto(f"{front.url}/widget/{front.key}?lang={lang}")
    await see_through(page, assert_accessible)
    await page.locator("button[type=submit]").click()
    alert = page.get_by_role("alert")
    await expect(alert).to_be_focused()
    await expect(page.locator("#email")).to_have_attribute("aria-describedby", "email-error")
    await see_through(page, assert_accessible)
    await fill(page)
    await page.locator("button[type=submit]").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(HELD[lang])
    await expect(page.get_by_role("status")).to_be_focused()
    await see_through(page, assert_accessible)


async def test_the_keyboard_is_enough(front: Front, new_page: NewPage) -> None:
    async with front.site(f"<button>before</button>{front.tag()}") as site:
        page = await new_page(locale="en-GB")
        await page.goto(site)
        widget = page.frame_locator("vezne-booking iframe")
        await expect(widget.locator("#checkin_date")).to_be_visible()
        await page.get_by_role("button", name="before").focus()
        inside = frame_of(page)

        async def focused() -> str:
            return str(await inside.evaluate("document.activeElement.id || document.activeElement.type || ''"))

        async def tab_to(name: str) -> None:
            for _ in range(20):
                if await focused() == name:
                    return
                await page.keyboard.press("Tab")
            raise AssertionError(f"{name} is not reached by Tab")

        first, last = date.fromisoformat(day(10)), date.fromisoformat(day(12))
        for name, typed in (
            ("checkin_date", f"{first:%m%d%Y}"),
            ("checkout_date", f"{last:%m%d%Y}"),
            ("name", "Ada Lovelace"),
            ("email", "ada@example.org"),
            ("kvkk_consent", " "),
            ("terms_consent", " "),
        ):
            await tab_to(name)
            await page.keyboard.type(typed)
        await tab_to("submit")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/payments/magicpay/demo/**")
    assert [(each.checkin_date, each.checkout_date) for each in await front.depot.all_of()] == [(first, last)]


async def test_it_works_without_scripts_and_without_cookies(front: Front, new_page: NewPage) -> None:
    page = await new_page(java_script_enabled=False, locale="tr-TR")
    await page.goto(f"{front.url}/widget/{front.key}")
    await page.locator("button[type=submit]").click()
    await expect(page.get_by_role("alert")).to_contain_text("İlk günü seçin.")
    await fill(page)
    await page.locator("button[type=submit]").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(HELD["tr"])
    await page.get_by_role("link", name="Ödemeye geç").click()
    await page.wait_for_url("**/payments/magicpay/demo/**")
    assert await page.context.cookies() == []


async def test_nothing_is_kept_in_the_guests_browser(front: Front, new_page: NewPage) -> None:
    async with front.site() as site:
        page = await new_page()
        await page.goto(site)
        await expect(page.frame_locator("iframe").locator("#name")).to_be_visible()
        assert await page.context.storage_state() == {"cookies": [], "origins": []}
        assert await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


async def test_the_frame_is_as_tall_as_what_it_shows(front: Front, new_page: NewPage) -> None:
    async with front.site() as site:
        page = await new_page(width=360)
        await page.goto(site)
        widget = page.frame_locator("iframe")
        await expect(widget.locator("#name")).to_be_visible()

        async def slack() -> int:
            box = await page.locator("iframe").bounding_box()
            tall: int = await frame_of(page).evaluate("document.documentElement.offsetHeight")
            return abs(round(box["height"]) - tall) if box else -1

        await page.wait_for_timeout(300)
        assert await slack() < 4
        await widget.locator("button[type=submit]").click()
        await expect(widget.get_by_role("alert")).to_be_visible()
        await page.wait_for_timeout(300)
        assert await slack() < 4


async def test_what_was_wrong_is_told_at_the_field_and_what_was_right_is_kept(front: Front, new_page: NewPage) -> None:
    page = await new_page(locale="en-GB")
    await page.goto(f"{front.url}/widget/{front.key}")
    await fill(page, email="ada", phone="+90 555 111 22 33", checkout_date=day(9))
    await page.locator("button[type=submit]").click()
    await expect(page.locator("#email-error")).to_have_text("Enter an e-mail address such as ada@example.com.")
    await expect(page.locator("#phone")).to_have_value("+90 555 111 22 33")
    await expect(page.locator("#kvkk_consent")).to_be_checked()
    await page.locator("#email").fill("ada@example.org")
    await page.locator("button[type=submit]").click()
    await expect(page.locator("#checkout_date-error")).to_have_text("The last day comes after the first.")


async def test_a_full_place_says_so_in_turkish(front: Front, new_page: NewPage) -> None:
    for _ in range(3):
        assert (await front.depot.reserve()).status_code == 200
    page = await new_page(locale="tr-TR")
    await page.goto(f"{front.url}/widget/{front.key}")
    await fill(page)
    await page.locator("button[type=submit]").click()
    await expect(page.get_by_role("alert")).to_contain_text("Bu tarihler arasında depo yoktur.")


async def test_a_double_click_is_one_reservation(front: Front, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(f"{front.url}/widget/{front.key}")
    await fill(page)
    await page.locator("button[type=submit]").dblclick()
    await expect(page.get_by_role("heading", level=1)).to_have_text(HELD["en"])
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text(HELD["en"])
    assert await front.depot.count("orders") == 1


async def test_the_puzzle_is_solved_by_the_page_under_its_strict_policy(front: Front, new_page: NewPage) -> None:
    await front.depot.change(widget_captcha="altcha")
    async with front.site() as site:
        page = await new_page()
        await page.goto(site)
        widget = page.frame_locator("iframe")
        await fill(widget)
        await widget.locator("button[type=submit]").click()
        await page.wait_for_url("**/payments/magicpay/demo/**", timeout=30_000)
    assert await front.depot.count("widget_captchas") == 1


async def test_without_scripts_the_puzzle_is_explained(front: Front, new_page: NewPage) -> None:
    await front.depot.change(widget_captcha="altcha")
    page = await new_page(java_script_enabled=False, locale="en-GB")
    await page.goto(f"{front.url}/widget/{front.key}")
    await expect(page.get_by_text("your browser must run JavaScript")).to_be_visible()
    await fill(page)
    await page.locator("button[type=submit]").click()
    await expect(page.get_by_role("alert")).to_contain_text("person")
    assert await front.depot.all_of() == []


# ------------------------------------------------------------------------------------------- between the page and the frame

LISTEN = """<ol id=log></ol><script>
for (const name of ["vezne-ready", "vezne-reserved", "vezne-error"]) document.addEventListener(name, (event) => {
  document.getElementById("log").insertAdjacentHTML("beforeend", "<li>");
  document.getElementById("log").lastChild.textContent = name + " " + JSON.stringify(event.detail);
  if (STAY) event.preventDefault();
});</script>"""


async def test_the_page_is_told_and_may_go_on_as_it_likes(front: Front, new_page: NewPage) -> None:
    async with front.site(LISTEN.replace("STAY", "true") + front.tag()) as site:
        page = await new_page()
        await page.goto(site)
        await expect(page.locator("#log")).to_contain_text("vezne-ready {}")
        widget = page.frame_locator("iframe")
        await fill(widget)
        await widget.locator("button[type=submit]").click()
        await expect(page.locator("#log")).to_contain_text("vezne-reserved")
        await expect(page.locator("#log")).to_contain_text(f'"payment_url":"{front.url}/payments/magicpay/demo/session_')
        await expect(widget.get_by_role("heading", level=1)).to_have_text(HELD["en"])
        await page.wait_for_timeout(500)
        assert page.url.startswith(site)
        await widget.get_by_role("link", name="Continue to payment").click()
        await page.wait_for_url("**/payments/magicpay/demo/**")


async def test_the_payment_may_open_in_another_tab(front: Front, new_page: NewPage) -> None:
    async with front.site(LISTEN.replace("STAY", "false") + front.tag('open="tab"')) as site:
        page = await new_page(locale="en-GB")
        await page.goto(site)
        widget = page.frame_locator("iframe")
        await fill(widget)
        await widget.locator("button[type=submit]").click()
        await expect(page.locator("#log")).to_contain_text("vezne-reserved")
        async with page.context.expect_page() as opened:
            await widget.get_by_role("link", name="Continue to payment (opens in a new tab)").click()
        await (await opened.value).wait_for_url("**/payments/magicpay/demo/**")
        assert page.url.startswith(site)


async def test_nobody_else_is_believed(front: Front, new_page: NewPage) -> None:
    forged = """<iframe id=other srcdoc="<script>
      parent.postMessage({vezne: 'reserved', id: 'x', payment_url: 'https://evil.example/'}, '*');
      parent.postMessage({vezne: 'height', height: 3}, '*');</script>"></iframe>"""
    async with front.site(LISTEN.replace("STAY", "false") + front.tag() + forged) as site:
        page = await new_page()
        await page.goto(site)
        await expect(page.locator("#log")).to_contain_text("vezne-ready")
        await page.evaluate("postMessage({vezne: 'reserved', id: 'x', payment_url: 'https://evil.example/'}, '*')")
        await page.evaluate("document.getElementById('other').srcdoc += ' '")
        await page.wait_for_timeout(500)
        assert page.url.startswith(site)
        assert "vezne-reserved" not in await page.locator("#log").inner_text()
        box = await page.locator("vezne-booking iframe").bounding_box()
        assert box is not None
        assert box["height"] > 300


async def test_a_site_that_is_not_allowed_shows_nothing_of_it_and_offers_a_link(front: Front, browser: Any) -> None:  # noqa: ANN401
    async with front.site(LISTEN.replace("STAY", "false") + front.tag('lang="tr"'), allowed=False) as site:
        page = await browser.new_page()  # its console tells of the policy, which `new_page` would take for a fault
        await page.goto(site)
        await expect(page.locator("#log")).to_contain_text("vezne-error", timeout=15_000)
        await expect(page.locator("vezne-booking iframe")).to_have_count(0)
        link = page.get_by_role("link", name="Rezervasyon sayfasını aç")
        assert (await link.get_attribute("href") or "").startswith(f"{front.url}/widget/{front.key}")
        await page.close()


async def test_the_widget_can_be_taken_out_and_changed(front: Front, new_page: NewPage) -> None:
    async with front.site(front.tag('lang="en"')) as site:
        page = await new_page()
        await page.goto(site)
        heading = page.frame_locator("iframe").get_by_role("heading", level=1)
        await expect(heading).to_have_text(HEADINGS["en"])
        await page.evaluate("document.querySelector('vezne-booking').lang = 'tr'")
        await expect(heading).to_have_text(HEADINGS["tr"])
        assert await page.locator("iframe").get_attribute("title") == "Depo rezervasyonu"
        await page.evaluate("document.querySelector('vezne-booking').remove()")
        await expect(page.locator("iframe")).to_have_count(0)


# ------------------------------------------------------------------------------------------------------------ the demo page


@pytest.mark.parametrize("look", [{"locale": "en-GB"}, {"locale": "tr-TR", "color_scheme": "dark", "width": 360}])
async def test_the_demo_page_shows_the_widget_and_what_it_tells(
    front: Front, new_page: NewPage, assert_accessible: Accessible, look: dict[str, Any]
) -> None:
    lang = look["locale"][:2]
    page = await new_page(**look)
    await page.goto(f"{front.url}/widget/demo")
    await see_through(page, assert_accessible)
    await page.locator("#key").fill(front.key)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/widget/demo?key=*")
    widget = page.frame_locator("iframe")
    await expect(widget.get_by_role("heading", level=1)).to_have_text(HEADINGS[lang])
    await expect(page.locator("#events")).to_contain_text("vezne-ready {}")
    await see_through(page, assert_accessible)
    await fill(widget)
    await widget.locator("button[type=submit]").click()
    await page.wait_for_url("**/payments/magicpay/demo/**")


async def test_a_live_tenant_has_no_demo_page(front: Front, make_tenant: TenantMaker) -> None:
    live = await make_tenant(livemode=True)
    answer = await front.depot.http.get("/widget/demo", params={"key": live.publishable_key})
    assert answer.status_code == 404
    assert "vezne-booking" not in answer.text
    async with front.depot.db.transaction(live.principal) as tx:
        assert (await identity.tenant_of(tx)).livemode
