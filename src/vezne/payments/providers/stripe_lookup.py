"""Finding at Stripe what was made under our reference.

Stripe's search lags behind by up to a minute, and Checkout pages cannot be searched at all. What is listed is never behind; so
lists are looked through around the time that our reference itself carries (UUIDv7), and search is left for what they do not show.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import stripe

from vezne.kernel.ids import UnknownId, parse_id
from vezne.payments.providers.base import ProviderRefused, ProviderUnavailable
from vezne.payments.providers.stripe_amounts import NAME
from vezne.payments.providers.stripe_answers import ref, said_of_us, text
from vezne.payments.providers.stripe_api import Fields, StripeApi

Asking = Callable[[Any], Awaitable[stripe.StripeObject]]

_SKEW, _SOON = timedelta(minutes=5), timedelta(minutes=10)
_PAGE, _PAGES = 100, 20
_TIME_BITS_BELOW: Final = 80
_TIMED_VERSION: Final = 7


def id_in(reference: str) -> UUID | None:
    """The id inside a public id of ours; None for what is none."""
    try:
        return parse_id(reference.rpartition("_")[0], reference)
    except UnknownId:
        return None


def made_at(reference: str) -> datetime | None:
    """When our reference was made, which it tells itself (RFC 9562); None for one that does not."""
    found = id_in(reference)
    if found is None or found.version != _TIMED_VERSION:
        return None
    return datetime.fromtimestamp((found.int >> _TIME_BITS_BELOW) // 1000, UTC)


class Lookup:
    """What Stripe holds under a reference of ours, if anything. Raises ProviderUnavailable when that cannot be told."""

    def __init__(self, api: StripeApi) -> None:
        self._api = api

    async def session(self, reference: str) -> str | None:
        """The Checkout page's id."""
        found, _ = await self._among(
            self._api.v1.checkout.sessions.list_async, reference, lambda one: one.get("client_reference_id") == reference
        )
        return None if found is None else text(found, "id")

    async def intent(self, reference: str) -> str | None:
        """The PaymentIntent's id: a charge without a page, or what came of a page."""
        found, all_seen = await self._among(
            self._api.v1.payment_intents.list_async, reference, lambda one: said_of_us(one, "reference") == reference
        )
        if found is None and not all_seen:
            found = await self._searched(reference)
        return None if found is None else text(found, "id")

    async def session_of_intent(self, intent_id: str) -> str | None:
        """The page that a PaymentIntent came of."""
        query: Any = {"payment_intent": intent_id, "limit": 1}
        page = await self._api.ask(lambda: self._api.v1.checkout.sessions.list_async(query))
        return next((text(one, "id") for one in _data(page)), None)

    async def refund(self, intent_id: str, reference: str) -> Fields | None:
        """The refund of a payment: found as long as Stripe keeps it, when the idempotency key is long forgotten."""
        found, _ = await self._through(
            self._api.v1.refunds.list_async, {"payment_intent": intent_id}, lambda one: said_of_us(one, "reference") == reference
        )
        return found

    async def _among(self, ask: Asking, reference: str, ours: Callable[[Fields], bool]) -> tuple[Fields | None, bool]:
        """What is ours since the reference was made, nearest to it first; and whether everything was looked at."""
        made = made_at(reference)
        if made is None:
            return (None, True) if id_in(reference) is None else await self._through(ask, {}, ours)
        since, soon = int((made - _SKEW).timestamp()), int((made + _SOON).timestamp())
        all_seen = True
        for created in ({"gte": since, "lte": soon}, {"gt": soon}):
            found, seen = await self._through(ask, {"created": created}, ours)
            if found is not None:
                return found, True
            all_seen = all_seen and seen
        return None, all_seen

    async def _through(self, ask: Asking, query: Mapping[str, Any], ours: Callable[[Fields], bool]) -> tuple[Fields | None, bool]:
        asked: dict[str, Any] = {**query, "limit": _PAGE}
        for _ in range(_PAGES):
            page = await self._api.ask(lambda: ask(dict(asked)))
            data = _data(page)
            found = next((one for one in data if ours(one)), None)
            if found is not None or not page.get("has_more") or not data:
                return found, True
            asked["starting_after"] = text(data[-1], "id")
        return None, False

    async def _searched(self, reference: str) -> Fields:
        query: Any = {"query": f"metadata['reference']:'{reference}'", "limit": 1}
        found = _data(await self._api.ask(lambda: self._api.v1.payment_intents.search_async(query)))
        if not found:
            raise ProviderUnavailable(provider=NAME, reason="too much to look through", retry_after=60)
        return found[0]

    async def intent_behind(self, provider_ref: str) -> str:
        """The PaymentIntent of anything that Stripe names in an event: a charge, a refund, a dispute."""
        prefix = provider_ref.partition("_")[0]
        if prefix not in {"ch", "py", "re", "pyr"}:
            raise ProviderRefused(provider=NAME, failure_code="malformed_id")
        asking: Asking = self._api.v1.charges.retrieve_async if prefix in {"ch", "py"} else self._api.v1.refunds.retrieve_async
        found = ref(await self._api.ask(lambda: asking(provider_ref)), "payment_intent")
        if found is None:
            raise ProviderRefused(provider=NAME, failure_code="not_a_payment")
        return found


def _data(page: Fields) -> list[Fields]:
    found = page.get("data")
    if not isinstance(found, list):
        raise ProviderUnavailable(provider=NAME, reason="a list without data", retry_after=5)
    return found
