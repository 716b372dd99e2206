"""A balance that changes while a customer looks at it, in a real browser on somebody else's page (CM9)."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tenancy_fixtures import TestTenant
from vezne import identity, wallets
from vezne.app.http import create_app
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.kernel.settings import Settings
from widget_fixtures import on_a_port, shop

NewPage = Callable[..., Awaitable[Page]]
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "show-a-live-balance.md"


@dataclass(frozen=True)
class Till:
    """The service on one origin, a customer's wallet in it, and a token of theirs."""

    url: str
    db: Database
    tenant: TestTenant
    wallet: wallets.Wallet
    token: str

    async def credit(self, amount: int) -> None:
        """Give the customer credits."""
        async with self.db.transaction(self.tenant.principal) as tx:
            await wallets.credit(tx, wallets.Credit(wallet_id=self.wallet.id, amount=Money(amount, "CREDIT")))

    def written(self, language: str) -> str:
        """What the page of the documentation says to write in a language, about this customer."""
        (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        known = {"{vezne}": self.url, "{wallet}": public_id("wal", self.wallet.id), "{token}": self.token}
        return re.sub(r"\{(vezne|wallet|token)\}(?=\")", lambda name: known[name[0]], found)


@pytest.fixture
async def till(db: Database, tenant: TestTenant) -> AsyncIterator[Till]:
    async with on_a_port(lambda url: create_app(Settings(public_url=url), db=db)) as url:
        async with db.transaction(tenant.principal) as tx:
            customer = await identity.create_customer(tx, reference="ayse")
            wallet = await wallets.wallet_of(tx, customer.id, "credits", "CREDIT")
            given = await identity.give_token(tx, customer.id, life=timedelta(minutes=5))
        yield Till(url, db, tenant, wallet, given.text)


async def test_cm9_the_documented_page_shows_a_balance_that_changes_while_one_looks(till: Till, new_page: NewPage) -> None:
    await till.credit(50)
    async with on_a_port(lambda _: shop(till.written("html")), host="localhost") as site:
        page = await new_page()
        await page.goto(site)
        balance = page.locator("#balance")
        await expect(balance).to_have_text("50")
        await till.credit(7)
        await expect(balance).to_have_text("57")
        await page.evaluate("events.close()")
        await page.evaluate(f"() => {{ {till.written('js')} }}")
        await till.credit(3)
        await expect(balance).to_have_text("60")
        await page.close()
