"""A customer at the checkout without a browser: follows redirects and fills forms, as a person with scripts turned off would."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2

MOST_STEPS = 20
CARD = "4242424242424242"
"""The card every provider's test mode takes."""


class PageUnexpected(RuntimeError):
    """The checkout showed a page that the visitor does not know what to do with."""


@dataclass(slots=True)
class Form:
    """A form of a page: where it goes, and what its fields hold."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect links, and forms with their inputs and buttons."""
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
            self._open = True
        elif self._open and tag == "input" and given.get("type") in {"checkbox", "radio"} and "checked" not in given:
            return  # a browser does not send it
        elif self._open and tag == "input" and given.get("name"):
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif self._open and tag == "button" and given.get("name"):
            self.forms[-1].buttons.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        """A form ends."""
        if tag == "form":
            self._open = False


@dataclass(slots=True)
class Page:
    """Where the visitor stands."""

    url: str
    forms: list[Form]
    links: list[str]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Pays with a card; stops where the provider would send them back to the shop, so that only its webhook can tell."""

    client: httpx2.AsyncClient

    async def pay(self, checkout_url: str, card: str) -> str:
        """Go through the checkout with `card`; the address to which the provider sends the customer back, not visited."""
        page = await self._open(checkout_url)
        start = next((form for form in page.forms if form.action.partition("?")[0].endswith("/attempts")), None)
        if start is None:
            raise PageUnexpected(f"{PageUnexpected.__doc__} At {page.url} there is nothing to pay.")
        step: Page | str = await self._follow(await self._send(page, start, {}), checkout_url)
        for _ in range(MOST_STEPS):
            if isinstance(step, str):
                return step
            step = await self._answer(step, card, checkout_url)
        raise PageUnexpected(f"{PageUnexpected.__doc__} The provider's pages do not end.")

    async def open(self, url: str) -> Page:
        """The page at an address, or where it leads to."""
        return await self._arrive(await self.client.get(url))

    async def enter(self, action: str, fields: Mapping[str, str]) -> Page:
        """Post a form that a program was given for the browser; the page it leads to."""
        return await self._arrive(await self.client.post(action, data=dict(fields)))

    async def fill(self, page: Page, field: str, answers: Mapping[str, str]) -> Page:
        """Send the page's form that has this field, filled in; the page it leads to. Raises PageUnexpected without one."""
        form = next((form for form in page.forms if field in form.fields), None)
        if form is None:
            raise PageUnexpected(f"{PageUnexpected.__doc__} At {page.url} nobody asks for {field}.")
        return await self._arrive(await self._send(page, form, dict(answers)))

    async def send(self, page: Page, field: str, answers: Mapping[str, str]) -> str:
        """As `fill`, but the browser is closed before it is where that leads to; where it would have come."""
        form = next((form for form in page.forms if field in form.fields), None)
        if form is None:
            raise PageUnexpected(f"{PageUnexpected.__doc__} At {page.url} nobody asks for {field}.")
        response = await self._send(page, form, dict(answers))
        return urljoin(str(response.url), response.headers.get("location", ""))

    async def _arrive(self, response: httpx2.Response) -> Page:
        for _ in range(MOST_STEPS):
            if not response.is_redirect:
                return self._read(response)
            response = await self.client.get(urljoin(str(response.url), response.headers["location"]))
        raise PageUnexpected(f"{PageUnexpected.__doc__} It redirects without end.")

    async def _answer(self, page: Page, card: str, checkout_url: str) -> "Page | str":
        for form in page.forms:
            if "number" in form.fields:
                return await self._follow(
                    await self._send(page, form, {"number": card, "expiry": "12/40", "cvc": "123"}), checkout_url
                )
            if ("answer", "approve") in form.buttons:
                return await self._follow(await self._send(page, form, {"answer": "approve"}), checkout_url)
        for link in page.links:  # a declined card ends on a page that only leads back
            if link.startswith(_way_back(checkout_url)):
                return link
        raise PageUnexpected(f"{PageUnexpected.__doc__} It is {page.url}.")

    async def _open(self, url: str) -> Page:
        response = await self.client.get(url)
        return self._read(response)

    async def _send(self, page: Page, form: Form, answers: dict[str, str]) -> httpx2.Response:
        return await self.client.post(urljoin(page.url, form.action), data={**form.fields, **answers})

    async def _follow(self, response: httpx2.Response, checkout_url: str) -> "Page | str":
        for _ in range(MOST_STEPS):
            if not response.is_redirect:
                return self._read(response)
            there = urljoin(str(response.url), response.headers["location"])
            if there.startswith(_way_back(checkout_url)):
                return there
            response = await self.client.get(there)
        raise PageUnexpected(f"{PageUnexpected.__doc__} It redirects without end.")

    def _read(self, response: httpx2.Response) -> Page:
        if response.status_code != 200:  # noqa: PLR2004 - OK
            raise PageUnexpected(f"{PageUnexpected.__doc__} {response.url} answered {response.status_code}.")
        forms = _Forms()
        forms.feed(response.text)
        return Page(str(response.url), forms.forms, forms.links)


def _way_back(checkout_url: str) -> str:
    return f"{checkout_url.partition('?')[0]}/return"
