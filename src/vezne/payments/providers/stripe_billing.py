"""Subscriptions at Stripe: agreed to on a Checkout page, billed by Stripe period after period, looked at with their bills.

A plan of ours is a Price there, found again by its `lookup_key`: our reference, which names currency and amount too.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from stripe import RequestOptions

from vezne.kernel.money import Money
from vezne.payments.providers import stripe_answers as answers
from vezne.payments.providers import stripe_bills as bills
from vezne.payments.providers import stripe_requests as requests
from vezne.payments.providers.base import (
    PlanTerms,
    ProviderInvoice,
    ProviderRefused,
    ProviderSubscription,
    Started,
    SubscribeRequest,
    SubscriptionGrade,
)
from vezne.payments.providers.stripe_amounts import NAME, from_stripe
from vezne.payments.providers.stripe_api import Fields, StripeApi, key

_PAGES_TRIED: Final = 5
"""So many pages of one subscription may have been left unused within a day, after which its key is forgotten anyway."""
_SEARCH_LAGS: Final = timedelta(hours=1)
"""Stripe's search finds everything that is older, and much that is younger."""
_BILLS_SHOWN: Final = 100
_WHOLE: Final = ["default_payment_method"]
_OVER: Final = frozenset({"canceled", "incomplete_expired"})


class Billing:
    """The part of the adapter that lets Stripe bill by itself."""

    _api: StripeApi

    def now(self) -> datetime:
        """The real time."""
        raise NotImplementedError

    async def subscribe(self, request: SubscribeRequest) -> Started:
        """A page on which the customer subscribes. The same reference again: the same page, a new one when that is over."""
        price = await self._price(request.plan)
        session: Fields = {}
        for number in range(1, _PAGES_TRIED + 1):
            options = key(request.reference if number == 1 else f"{request.reference}:{number}")
            made = await self._open_page(request, price, options)
            session = await self._page_of_subscription(made)  # what the key answers may be old
            if session.get("status") != "expired":
                break
        return Started(provider_ref=answers.text(session, "id"), redirect_url=session.get("url") or request.return_url)

    async def _open_page(self, request: SubscribeRequest, price: str, options: RequestOptions) -> str:
        asked: Any = requests.subscribing_page(request, price, self.now())
        return answers.text(await self._api.ask(lambda: self._api.v1.checkout.sessions.create_async(asked, options)), "id")

    async def find_subscription(self, reference: str) -> ProviderSubscription | None:
        """The subscription made under our reference, or by a page; None while nobody has agreed to it."""
        if reference.startswith("sub_") and not requests.is_ours(reference):
            return await self.fetch_subscription(reference)
        if reference.startswith("cs_"):
            found = answers.ref(await self._page_of_subscription(reference), "subscription")
        else:
            found = await self._subscription_named(reference)
        return None if found is None else await self.fetch_subscription(found)

    async def _subscription_named(self, reference: str) -> str | None:
        """Search lags behind, a list does not: what search does not find is among those made lately, or is not there."""
        if not requests.is_ours(reference):
            return None
        query: Any = {"query": f"metadata['reference']:'{reference}'", "limit": 1}
        found = await self._api.ask(lambda: self._api.v1.subscriptions.search_async(query))
        for one in found["data"]:
            return answers.text(one, "id")
        lately = int((self.now() - _SEARCH_LAGS).timestamp())
        asked: dict[str, Any] = {"status": "all", "created": {"gte": lately}, "limit": 100}
        while True:
            page = await self._api.ask(lambda: self._api.v1.subscriptions.list_async(dict(asked)))  # type: ignore[arg-type]
            for one in page["data"]:
                if answers.said_of_us(one, "reference") == reference:
                    return answers.text(one, "id")
            if not page.get("has_more") or not page["data"]:
                return None
            asked["starting_after"] = answers.text(page["data"][-1], "id")

    async def fetch_subscription(self, subscription_ref: str) -> ProviderSubscription:
        """The subscription as it is now, with its bills; also by the name of its page or of a bill of it."""
        name = await self._subscription_of(subscription_ref)
        subscription = await self._subscription(name)
        asked: Any = {"subscription": name, "limit": _BILLS_SHOWN, "expand": ["data.payments"]}
        listed = await self._api.ask(lambda: self._api.v1.invoices.list_async(asked))
        shown = [await self._bill(one, name) for one in reversed(listed["data"])]
        return bills.subscription_of(subscription, tuple(shown))

    async def _subscription_of(self, ref: str) -> str:
        requests.named(ref)
        found: str | None = ref
        if ref.startswith("cs_"):
            found = answers.ref(await self._page_of_subscription(ref), "subscription")
        elif ref.startswith("in_"):
            found = bills.subscription_ref_of(await self._api.ask(lambda: self._api.v1.invoices.retrieve_async(ref)))
        if found is None:
            raise ProviderRefused(provider=NAME, failure_code="not_a_subscription")
        return found

    async def tenant_of_subscription(self, subscription_ref: str) -> str | None:
        """The tenant that we wrote on it."""
        return answers.said_of_us(await self._subscription(await self._subscription_of(subscription_ref)), "tenant")

    async def _page_of_subscription(self, session_id: str) -> Fields:
        requests.named(session_id)
        return await self._api.ask(lambda: self._api.v1.checkout.sessions.retrieve_async(session_id))

    async def _subscription(self, subscription_id: str) -> dict[str, Any]:
        requests.named(subscription_id)
        whole: Any = {"expand": _WHOLE}
        return await self._api.ask(lambda: self._api.v1.subscriptions.retrieve_async(subscription_id, whole))

    async def _bill(self, invoice: Fields, subscription_ref: str) -> ProviderInvoice:
        """A bill; of an open one whose collection has failed it is asked why."""
        code, intent = None, bills.intent_of(invoice)
        if invoice.get("status") == "open" and answers.whole(invoice, "attempt_count") and intent is not None:
            name = intent
            seen = await self._api.ask(lambda: self._api.v1.payment_intents.retrieve_async(name))
            code = answers.failure_of(seen) or ("authentication_required" if seen.get("status") == "requires_action" else None)
        return bills.invoice_of(invoice, subscription_ref, code)

    async def preview_change(self, subscription_ref: str, plan: PlanTerms) -> Money:
        """What changing now would cost at once, or bring back (negative): the sum of Stripe's own prorated lines."""
        price, subscription = await self._price(plan), await self._subscription(subscription_ref)
        asked: Any = {
            "subscription": subscription_ref,
            "subscription_details": {"items": bills.changed_items(subscription, price), "proration_behavior": "always_invoice"},
        }
        preview = await self._api.ask(lambda: self._api.v1.invoices.create_preview_async(asked))
        return from_stripe(answers.whole(preview, "total"), answers.text(preview, "currency"))

    async def change_subscription(self, subscription_ref: str, plan: PlanTerms, reference: str) -> ProviderSubscription:
        """Bill `plan` from now on, and the difference at once; should that not be paid, nothing changes and it is refused."""
        price, subscription = await self._price(plan), await self._subscription(subscription_ref)
        if bills.price_of(subscription) != price:
            asked: Any = {
                "items": bills.changed_items(subscription, price),
                "proration_behavior": "always_invoice",
                "payment_behavior": "error_if_incomplete",
                "metadata": {"plan": plan.reference},
            }
            await self._api.ask(
                lambda: self._api.v1.subscriptions.update_async(subscription_ref, asked, key(f"{reference}:change"))
            )
        return await self.fetch_subscription(subscription_ref)

    async def pause_subscription(self, subscription_ref: str) -> ProviderSubscription:
        """Bill nothing until it is resumed: bills of the time between are void. Again: nothing."""
        return await self._update(subscription_ref, {"pause_collection": {"behavior": "void"}})

    async def resume_subscription(self, subscription_ref: str) -> ProviderSubscription:
        """Bill again, and do not end at the period's end. Again: nothing."""
        return await self._update(subscription_ref, {"pause_collection": "", "cancel_at_period_end": False})

    async def _update(self, subscription_ref: str, changes: dict[str, Any]) -> ProviderSubscription:
        requests.named(subscription_ref)
        asked: Any = changes
        await self._api.ask(lambda: self._api.v1.subscriptions.update_async(subscription_ref, asked))
        return await self.fetch_subscription(subscription_ref)

    async def cancel_subscription(self, subscription_ref: str, *, at_period_end: bool) -> ProviderSubscription:
        """End it, now or when the paid period is over. Again: nothing."""
        subscription = await self._subscription(subscription_ref)
        if subscription.get("status") in _OVER:
            return await self.fetch_subscription(subscription_ref)
        if at_period_end and bills.grade_of(subscription) is not SubscriptionGrade.INCOMPLETE:
            return await self._update(subscription_ref, {"cancel_at_period_end": True})
        try:
            await self._api.ask(lambda: self._api.v1.subscriptions.cancel_async(subscription_ref))
        except ProviderRefused:  # it has ended meanwhile, or cannot be ended: what is true is fetched
            seen = await self.fetch_subscription(subscription_ref)
            if seen.grade is not SubscriptionGrade.CANCELLED:
                raise
            return seen
        return await self.fetch_subscription(subscription_ref)

    async def _price(self, plan: PlanTerms) -> str:
        """The plan's Price: the one that has its reference, or a new one."""
        query: Any = {"lookup_keys": [plan.reference], "active": True, "limit": 1}
        listed = await self._api.ask(lambda: self._api.v1.prices.list_async(query))
        for one in listed["data"]:
            return answers.text(one, "id")
        asked: Any = requests.price(plan)
        return answers.text(
            await self._api.ask(lambda: self._api.v1.prices.create_async(asked, key(f"price:{plan.reference}"))), "id"
        )
