"""Stripe, through its official library: Checkout pages, stored methods, refunds, disputes and subscriptions.

A payment by a page is named by its Checkout Session, one without a page by its PaymentIntent; whatever else of it an event names
is led back to that name. Nothing here was tried against Stripe itself, only against its library, its published shapes and the
sandbox.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from vezne.kernel.clock import real_now
from vezne.kernel.money import Money
from vezne.kernel.settings import Settings
from vezne.payments.providers import stripe_answers as answers
from vezne.payments.providers import stripe_requests as requests
from vezne.payments.providers.base import (
    Capabilities,
    ChargeRequest,
    FormPost,
    Grade,
    ProviderDispute,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    RefundRequest,
    Started,
    StartRequest,
    WebhookNotice,
)
from vezne.payments.providers.stripe_amounts import NAME, to_stripe
from vezne.payments.providers.stripe_api import Fields, StripeApi, cause_of, key
from vezne.payments.providers.stripe_billing import Billing
from vezne.payments.providers.stripe_lookup import Lookup, made_at
from vezne.payments.providers.stripe_notices import Notices

LIVE: Final = "https://api.stripe.com"
_SESSION, _INTENT = "cs_", "pi_"
_SESSION_WHOLE: Final = {"expand": ["payment_intent.latest_charge", "payment_intent.payment_method"]}
_INTENT_WHOLE: Final = {"expand": ["latest_charge", "payment_method"]}
_KEYS_LAST = timedelta(hours=23)
"""Stripe may forget an idempotency key after a day; what is older is looked for before it is asked for again."""


class StripeProvider(Billing):
    """Adapter to Stripe's API."""

    name = NAME
    capabilities = Capabilities(partial_refund=True, manual_capture=True, cancel=True, stored_methods=True, subscriptions=True)

    def __init__(
        self,
        *,
        base_url: str,
        secret_key: str,
        webhook_secrets: tuple[str, ...],
        timeout: timedelta = timedelta(seconds=10),
        now: Callable[[], datetime] = real_now,
    ) -> None:
        self.page_origins = ("https://checkout.stripe.com",) if base_url == LIVE else (base_url,)
        self._api = StripeApi(base_url=base_url, secret_key=secret_key, timeout=timeout)
        self._lookup = Lookup(self._api)
        self._notices = Notices(self._api.client, webhook_secrets)
        self._now = now

    def now(self) -> datetime:
        """The time by which Stripe's keys, pages and searches age."""
        return self._now()

    @classmethod
    def from_settings(cls, settings: Settings) -> "StripeProvider | None":
        """The provider as the deployment has it; None when its key or its webhook secret is not set."""
        if settings.stripe_secret_key is None or settings.stripe_webhook_secret is None:
            return None
        secrets = settings.stripe_webhook_secret.get_secret_value().split(",")
        return cls(
            base_url=settings.stripe_base_url or f"http://127.0.0.1:{settings.sandbox_port}",
            secret_key=settings.stripe_secret_key.get_secret_value(),
            webhook_secrets=tuple(secret.strip() for secret in secrets if secret.strip()),
        )

    async def start(self, request: StartRequest) -> Started:
        """Make a Checkout page, on which Stripe offers what fits the customer: cards, Apple Pay, Google Pay and more.

        The same reference again: the same page, also when what is known of the payer has changed since.
        """
        asked: Any = requests.page(request, self.now())
        try:
            session = await self._api.ask(lambda: self._api.v1.checkout.sessions.create_async(asked, key(request.reference)))
        except ProviderRefused as refused:
            if cause_of(refused).get("type") != "idempotency_error":
                raise
            found = await self._lookup.session(request.reference)
            if found is None:
                raise
            session = await self._session(found)
        return Started(provider_ref=answers.text(session, "id"), redirect_url=session.get("url") or request.return_url)

    def form(self, request: StartRequest) -> FormPost | None:  # noqa: ARG002 - the Protocol's signature
        """None: Stripe's page is entered by its address."""
        return None

    async def find(self, reference: str, *, tenant_id: int = 0) -> ProviderPayment | None:  # noqa: ARG002 - one account
        """The payment made under our reference, if there is one: by a page, or without."""
        session = await self._lookup.session(reference)
        if session is not None:
            return answers.payment_of_session(await self._session(session))
        intent = await self._lookup.intent(reference)
        return None if intent is None else await self.fetch(intent)

    async def fetch(self, provider_ref: str) -> ProviderPayment:
        """The payment as it is now, by whatever name of it an event brought."""
        requests.named(provider_ref)
        if provider_ref.startswith(_SESSION):
            session = await self._session(provider_ref)
            if session.get("mode") != "payment":
                raise ProviderRefused(provider=NAME, failure_code="not_a_payment")
            return answers.payment_of_session(session)
        if not provider_ref.startswith(_INTENT):
            provider_ref = await self._lookup.intent_behind(provider_ref)
        intent = await self._intent(provider_ref)
        if answers.said_of_us(intent, "made_by") == requests.BY_PAGE:
            page = await self._lookup.session_of_intent(provider_ref)
            if page is not None:
                return answers.payment_of_session(await self._session(page))
        return answers.payment_of_intent(intent)

    async def capture(self, provider_ref: str, amount: Money) -> ProviderPayment:
        """Take authorised money; when that was done already, the payment as it is."""
        asked: Any = {"amount_to_capture": to_stripe(amount)}
        intent = (await self.fetch(provider_ref)).response.get("payment_intent")
        if isinstance(intent, str):
            await self._try(lambda: self._api.v1.payment_intents.capture_async(intent, asked))
        return await self.fetch(provider_ref)

    async def cancel(self, provider_ref: str) -> ProviderPayment:
        """Close a payment that is not paid yet, its page with it; one that can no longer be closed is returned as it is."""
        seen = await self.fetch(provider_ref)
        session = str(seen.response.get("checkout_session", ""))
        if session and seen.response["session_status"] == "open":
            await self._try(lambda: self._api.v1.checkout.sessions.expire_async(session))
            seen = await self.fetch(provider_ref)
        if session and seen.response["session_status"] == "expired" and seen.grade in {Grade.EXPIRED, Grade.FAILED}:
            return replace(seen, grade=Grade.CANCELLED)
        intent = str(seen.response.get("payment_intent", ""))
        if intent and seen.grade in {Grade.AUTHORISED, Grade.PENDING, Grade.REQUIRES_ACTION, Grade.FAILED}:
            await self._try(lambda: self._api.v1.payment_intents.cancel_async(intent))
            seen = await self.fetch(provider_ref)
        return seen

    async def refund(self, request: RefundRequest) -> ProviderRefund:
        """Give money back, once for each reference, however long ago it was first asked for."""
        units = to_stripe(request.amount)
        seen = await self.fetch(request.provider_ref)
        if seen.grade is not Grade.CAPTURED:
            raise ProviderRefused(provider=NAME, failure_code="not_captured")
        intent = str(seen.response["payment_intent"])
        made = await self._lookup.refund(intent, request.reference)
        if made is None:
            about = {"reference": request.reference, "tenant": str(seen.response["tenant"] or "")}
            asked: Any = {"payment_intent": intent, "amount": units, "metadata": about}
            made = await self._api.ask(lambda: self._api.v1.refunds.create_async(asked, key(request.reference)))
        return answers.refund_of(made)

    async def fetch_refund(self, refund_ref: str) -> ProviderRefund:
        """The refund as it is now."""
        requests.named(refund_ref)
        return answers.refund_of(await self._api.ask(lambda: self._api.v1.refunds.retrieve_async(refund_ref)))

    async def charge(self, request: ChargeRequest) -> ProviderPayment:
        """Charge a stored method while the customer is away, once for each reference.

        A decline is FAILED with the bank's code. What the customer would have to confirm is closed at once and REQUIRES_ACTION.
        """
        made = made_at(request.reference)
        found = await self.find(request.reference) if made is not None and self.now() - made > _KEYS_LAST else None
        seen = found or answers.payment_of_intent(await self._charge(request))
        needs_customer = seen.grade is Grade.REQUIRES_ACTION or seen.failure_code == answers.AUTHENTICATION
        if seen.grade is Grade.CAPTURED or not needs_customer:
            return seen
        if seen.grade is not Grade.CANCELLED:
            await self._try(lambda: self._api.v1.payment_intents.cancel_async(seen.provider_ref))
        return replace(seen, grade=Grade.REQUIRES_ACTION, failure_code=answers.AUTHENTICATION)

    async def _charge(self, request: ChargeRequest) -> Fields:
        asked: Any = requests.charge(request)
        try:
            return await self._api.ask(lambda: self._api.v1.payment_intents.create_async(asked, key(request.reference)))
        except ProviderRefused as refused:
            declined = answers.part(cause_of(refused), "payment_intent")
            if declined is None:
                raise
            return declined

    async def forget_method(self, method_ref: str) -> None:
        """Never charge it again: it is taken from its customer. Again, or of one that Stripe does not know: nothing."""
        requests.named(method_ref)
        try:
            await self._api.ask(lambda: self._api.v1.payment_methods.detach_async(method_ref))
        except ProviderRefused as refused:
            if refused.facts["failure_code"] == "resource_missing":
                return
            method = await self._api.ask(lambda: self._api.v1.payment_methods.retrieve_async(method_ref))
            if answers.ref(method, "customer") is not None:
                raise

    async def fetch_dispute(self, dispute_ref: str) -> ProviderDispute:
        """The dispute as it is now."""
        requests.named(dispute_ref)
        dispute = await self._api.ask(lambda: self._api.v1.disputes.retrieve_async(dispute_ref))
        intent = answers.ref(dispute, "payment_intent")
        if intent is None:
            raise ProviderRefused(provider=NAME, failure_code="not_a_payment")
        return answers.dispute_of(dispute, (await self.fetch(intent)).provider_ref)

    def read_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> WebhookNotice:
        """What an event is about, once its signature over these bytes and its time are believed. Raises SignatureInvalid."""
        return self._notices.read(raw, headers, now)

    async def whose(self, notice: WebhookNotice) -> str | None:
        """The tenant that we wrote on what an event is about; None when we wrote none, so that it is not of our making."""
        try:
            ref = notice.provider_ref
            if notice.dispute_ref is not None:
                ref = (await self.fetch_dispute(notice.dispute_ref)).provider_ref
            if notice.subscription_ref is not None:
                return await self.tenant_of_subscription(notice.subscription_ref)
            found = None if ref is None else (await self.fetch(ref)).response.get("tenant")
        except ProviderRefused:
            return None
        return found if isinstance(found, str) else None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()

    async def _session(self, session_id: str) -> dict[str, Any]:
        whole: Any = _SESSION_WHOLE
        return await self._api.ask(lambda: self._api.v1.checkout.sessions.retrieve_async(session_id, whole))

    async def _intent(self, intent_id: str) -> dict[str, Any]:
        whole: Any = _INTENT_WHOLE
        return await self._api.ask(lambda: self._api.v1.payment_intents.retrieve_async(intent_id, whole))

    async def _try(self, call: Callable[[], Any]) -> None:
        """Ask for what may be too late; what then is true is fetched."""
        try:
            await self._api.ask(call)
        except ProviderRefused:
            return
