"""An office: the whole service on a real port, a tenant that sells for hosts, and people of its staff at their browsers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest_asyncio

from checkout_fixtures import _serving
from desk_fixtures import Sandbox
from orders_fixtures import BoxOffice, seats
from staff_fixtures import FIREFOX, joined, sign_in
from tenancy_fixtures import TestTenant
from vezne import bookings, identity, payments, settlements
from vezne.kernel.db import Database
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.money import Money

GUESTS = ("Ada Yılmaz", "Deniz Kaya", "Mert Aksoy", "Zeynep Çelik", "Elif Şahin")


class _Forms(HTMLParser):
    """The forms of a page: where each goes, and what its fields hold."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given.get("action", ""), {}))
            self._open = True
        elif self._open and tag == "input" and given.get("name") and given.get("type") not in {"checkbox", "radio"}:
            self.found[-1][1][given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """A form ends."""
        self._open = self._open and tag != "form"


def forms_of(page: str) -> list[tuple[str, dict[str, str]]]:
    """The forms of a page."""
    forms = _Forms()
    forms.feed(page)
    return forms.found


def text_of(page: str) -> str:
    """What stands on a page, entities read."""
    return unescape(page)


@dataclass
class Clerk:
    """Somebody of the staff at their browser."""

    http: httpx2.AsyncClient
    root: str
    person: identity.Staff | None
    token: str | None

    async def get(self, path: str, **query: str) -> httpx2.Response:
        """Open a page; redirects are not followed."""
        return await self.http.get(f"{self.root}{path}", params=query)

    async def see(self, path: str, **query: str) -> str:
        """Open a page that is there."""
        answer = await self.get(path, **query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.headers.get('location')} {answer.text[:2000]}"
        return text_of(answer.text)

    async def send(self, path: str, fields: dict[str, str], **headers: str) -> httpx2.Response:
        """Send a form as a browser does from our own page; the session's form token is filled in where there is none."""
        given = {"once": uuid4().hex, **({"form_token": identity.form_token(self.token)} if self.token else {}), **fields}
        origin = {"Origin": str(self.http.base_url).rstrip("/"), **headers}
        return await self.http.post(f"{self.root}{path}", data=given, headers=origin)

    async def fill(self, page: str, action: str, /, **fields: str) -> httpx2.Response:
        """Open `page`, fill its form that goes to `action`, and send it."""
        found = [hidden for where, hidden in forms_of(await self.see(page)) if where == f"{self.root}{action}"]
        assert found, f"{page} has no form to {action}"
        return await self.send(action, {**found[0], **fields})

    async def do(self, page: str, action: str, /, **fields: str) -> str:
        """Fill and send a form that must be done; the page it leads to."""
        answer = await self.fill(page, action, **fields)
        assert answer.status_code == 303, answer.text[:2000]
        there = answer.headers["location"]
        assert "problem=" not in there, there
        followed = await self.http.get(there)
        assert followed.status_code == 200, followed.text[:2000]
        return text_of(followed.text)


@dataclass
class Office(BoxOffice):
    """The tenant's office."""

    url: str = ""
    slug: str = ""
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def root(self) -> str:
        """Where its console begins."""
        return f"/console/{self.slug}"

    async def clerk(self, role: str = "owner", payee_id: UUID | None = None) -> Clerk:
        """A member of staff, signed in."""
        person = await joined(self.db, self.tenant, role, payee_id=payee_id)
        token = await sign_in(self.db, self.tenant, person)
        visitor = await self.visitor()
        visitor.http.cookies.set(f"vezne-{self.slug}", token, path=self.root)
        return Clerk(visitor.http, self.root, person, token)

    async def visitor(self) -> Clerk:
        """Somebody at the door."""
        headers = {"User-Agent": FIREFOX, "Accept-Language": "en"}
        client = httpx2.AsyncClient(base_url=self.url, trust_env=False, timeout=20, headers=headers)
        return Clerk(await self.stack.enter_async_context(client), self.root, None, None)

    async def guest(self, name: str = GUESTS[0]) -> UUID:
        """A customer with a name."""
        async with self.db.transaction(self.principal) as tx:
            email = f"{name.split(maxsplit=1)[0].lower()}@example.test".encode("ascii", "ignore").decode()
            return (await identity.create_customer(tx, name=name, email=email)).id

    async def sold(self, resource: bookings.Resource, quantity: int = 1, guest: str = GUESTS[0], **more: Any) -> dict[str, Any]:  # noqa: ANN401
        """Seats that somebody has bought and paid by card."""
        placed = await self.order(await self.guest(guest), [seats(resource, quantity, **more)])
        await self.settle(placed)
        return placed

    async def codes(self, placed: dict[str, Any]) -> list[str]:
        """The codes of an order's tickets."""
        found = await self.tickets(placed)
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return [await bookings.ticket_code(tx, each) for each in found]

    async def promised(self, resource: bookings.Resource, provider: str = "bank_transfer") -> dict[str, Any]:
        """Seats somebody has promised to pay by transfer."""
        placed = await self.order(await self.guest(GUESTS[1]), [seats(resource)])
        number = parse_id("pay", placed["payment"]["id"])
        await payments.start_attempt(
            self.db, self.gateways, self.principal, number, return_url="http://127.0.0.1:9/return", provider=provider
        )
        return placed

    async def payouts(self) -> list[settlements.Payout]:
        """All payouts."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return await settlements.payouts(tx, limit=100)

    async def bank_of(self, payee_id: UUID) -> None:
        """The payee's bank account, and the tenant's own."""
        async with self.db.transaction(self.principal) as tx:
            for number in (payee_id, (await identity.own_payee(tx)).id):
                await identity.change_payee(tx, number, {"iban": "TR330006100519786457841326"})


def order_of(placed: dict[str, Any]) -> str:
    """The path of an order's page."""
    return f"/orders/{placed['order']['id']}"


def lira(minor: int) -> str:
    """An amount as an English page shows it."""
    return f"TRY\N{NO-BREAK SPACE}{Money(minor, 'TRY').minor / 100:,.2f}"


def stated(prefix: str, value: UUID) -> str:
    """A public id."""
    return public_id(prefix, value)


@pytest_asyncio.fixture
async def office(
    db: Database, tenant: TestTenant, sandbox: Sandbox, owner: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Office]:
    """An office of a tenant that keeps a tenth and also takes bank transfers."""
    async with db.transaction(tenant.principal) as tx:
        await identity.change_tenant(
            tx, settings={"commission_rate": 1_000, "coin_value_minor": 50, "other_providers": ["bank_transfer", "cash"]}
        )
        slug = (await identity.tenant_of(tx)).slug
    async with (
        _serving(db, sandbox) as (url, app),
        httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20) as http,
        AsyncExitStack() as stack,
    ):
        yield Office(db, tenant, app.state.gateways, sandbox, http, owner, url=url, slug=slug, stack=stack)
