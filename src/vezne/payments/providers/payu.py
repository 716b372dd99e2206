"""PayU India. A customer enters by a form that the browser posts; what became of it is asked of PayU's command API.

PayU's browser returns and webhooks carry its reverse hash, but neither is proof of anything here: they only say "look". PayU does
not recognise a refund that is asked for twice, so ours is looked for before it is asked for, and again when the answer is a no.
Nothing here was tried against PayU itself; what its documentation leaves open is marked "not confirmed".
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from vezne.kernel.ids import UnknownId
from vezne.kernel.money import Money
from vezne.kernel.settings import Settings
from vezne.payments.providers import payu_answers as answers
from vezne.payments.providers import payu_texts as texts
from vezne.payments.providers.base import (
    Capabilities,
    FormPost,
    Grade,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderUnavailable,
    RefundRequest,
    Started,
    StartRequest,
    WebhookNotice,
)
from vezne.payments.providers.payu_commands import Commands
from vezne.payments.tenant_texts import tenant_text

NAME: Final = answers.NAME
CALLBACKS: Final = "/api/payments/payu"
"""Where, under our public address, PayU sends browsers back to: the documented second address of `/v1/payu`."""

_REFUND_PATIENCE = timedelta(seconds=8)
"""Less than the wait before payments asks for the same refund again: two questions for one refund never overlap."""
_LONGEST = {"productinfo": 100, "firstname": 60, "phone": 20}
"""PayU's limits are not confirmed; these are below all that are named anywhere."""


class PayuProvider:
    """Adapter to PayU's payment page and command API."""

    name = NAME
    capabilities = Capabilities(partial_refund=True, manual_capture=False, cancel=False, recognises_refunds=False)

    def __init__(
        self, *, payment_url: str, api_url: str, merchant_key: str, merchant_salt: str, timeout: timedelta = timedelta(seconds=5)
    ) -> None:
        self.page_origins = (payment_url,)
        self._key = merchant_key
        self._salt = merchant_salt
        self._commands = Commands(api_url, merchant_key, merchant_salt, timeout)
        self._refunding: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @classmethod
    def from_settings(cls, settings: Settings) -> "PayuProvider | None":
        """The provider as the deployment has it; None when its merchant key or salt is not set."""
        if settings.payu_merchant_key is None or settings.payu_merchant_salt is None:
            return None
        sandbox = f"http://127.0.0.1:{settings.sandbox_port}"
        return cls(
            payment_url=settings.payu_payment_url or sandbox,
            api_url=settings.payu_api_url or sandbox,
            merchant_key=settings.payu_merchant_key.get_secret_value(),
            merchant_salt=settings.payu_merchant_salt.get_secret_value(),
        )

    async def start(self, request: StartRequest) -> Started:
        """Name the payment; PayU hears of it from the customer's browser. The same reference again: the same name."""
        if request.amount.currency != answers.CURRENCY:
            raise ProviderRefused(provider=NAME, failure_code="currency_not_supported")
        try:
            return Started(provider_ref=texts.txnid_of(request.reference), redirect_url=request.form_url)
        except UnknownId:
            raise ProviderRefused(provider=NAME, failure_code="malformed_id") from None

    def form(self, request: StartRequest) -> FormPost:
        """The form for a payment that was started, signed now. Neither it nor its hash is kept anywhere.

        `udf1` names the tenant, by which PayU's answers find their way; `udf2` is our reference.
        """
        txnid = texts.txnid_of(request.reference)
        ours = urlsplit(request.webhook_url)
        back = f"{ours.scheme}://{ours.netloc}{CALLBACKS}"
        fields = {
            "key": self._key,
            "txnid": txnid,
            "amount": texts.amount_text(request.amount),
            "productinfo": texts.plain(request.description, _LONGEST["productinfo"]) or "Payment",
            "firstname": texts.plain(request.payer.name, _LONGEST["firstname"]) or "Customer",
            # PayU wants an e-mail address; of a customer without one it gets an address that cannot exist (RFC 2606).
            "email": texts.email_or(request.payer.email, f"{txnid}@payer.invalid"),
            "phone": texts.plain(request.payer.phone, _LONGEST["phone"]),
            "surl": f"{back}/success",
            "furl": f"{back}/failure",
            "udf1": tenant_text(request.tenant_id),
            "udf2": request.reference,
        }
        return FormPost(
            action=f"{self.page_origins[0]}/_payment", fields={**fields, "hash": texts.request_hash(fields, self._salt)}
        )

    async def find(self, reference: str, *, tenant_id: int = 0) -> ProviderPayment | None:  # noqa: ARG002 - one merchant
        """The payment made under our reference; None while no browser has brought it to PayU."""
        try:
            txnid = texts.txnid_of(reference)
        except UnknownId:
            return None
        found = await self._commands.verify_payment(txnid)
        return None if found is None else await self._seen(txnid, found)

    async def fetch(self, provider_ref: str) -> ProviderPayment:
        """The payment as it is now; while no browser has brought it to PayU it waits, with no amount."""
        try:
            reference = texts.reference_of(provider_ref)
        except ValueError:
            raise ProviderRefused(provider=NAME, failure_code="malformed_id") from None
        found = await self._commands.verify_payment(provider_ref)
        if found is None:
            nothing = Money(0, answers.CURRENCY)
            return ProviderPayment(
                provider_ref=provider_ref,
                reference=reference,
                grade=Grade.PENDING,
                amount=None,
                captured=nothing,
                refunded=nothing,
            )
        return await self._seen(provider_ref, found)

    async def _seen(self, txnid: str, found: Mapping[str, Any]) -> ProviderPayment:
        refunds: list[ProviderRefund] = []
        if answers.grade_of(found) is Grade.CAPTURED:
            refunds = answers.refunds_of(await self._commands.actions_of_payment(answers.mihpayid_of(found)))
        return answers.payment_of(txnid, found, refunds)

    async def capture(self, provider_ref: str, amount: Money) -> ProviderPayment:  # noqa: ARG002 - the Protocol's signature
        """The payment as it is: PayU takes authorised money by itself, as the account is set there."""
        return await self.fetch(provider_ref)

    async def cancel(self, provider_ref: str) -> ProviderPayment:
        """The payment as it is: PayU has no way to close its page to a customer."""
        return await self.fetch(provider_ref)

    async def refund(self, request: RefundRequest) -> ProviderRefund:
        """Give money back, once for each reference. PayU answers only that it was queued; the outcome is fetched later.

        PayU does the same refund again when it is asked again. So one that is there under our token is the answer; one whose
        answer did not come (ProviderUnavailable) is found when it is asked for the next time; and a no is believed only when
        there is none under our token even then, as the no may be the answer to a copy of our own question.
        """
        token = texts.refund_token(request.reference)
        lock = self._refunding.setdefault(token, asyncio.Lock())
        try:
            async with asyncio.timeout(_REFUND_PATIENCE.total_seconds()), lock:
                return await self._refund(request, token)
        except TimeoutError:
            raise ProviderUnavailable(provider=NAME, reason="no answer to a refund in time", retry_after=2) from None

    async def _refund(self, request: RefundRequest, token: str) -> ProviderRefund:
        found = await self._commands.verify_payment(request.provider_ref)
        if found is None or answers.grade_of(found) is not Grade.CAPTURED:
            raise ProviderRefused(provider=NAME, failure_code="not_captured")
        mihpayid = answers.mihpayid_of(found)
        made = await self._made(mihpayid, token)
        if made is not None:
            return made
        answer = await self._commands.refund(mihpayid, token, texts.amount_text(request.amount))
        if answers.is_accepted(answer):
            return answers.queued_refund(answer, request.amount)
        made = await self._made(mihpayid, token)
        if made is not None:
            return made
        raise ProviderRefused(provider=NAME, failure_code=answers.refusal_of(answer))

    async def _made(self, mihpayid: str, token: str) -> ProviderRefund | None:
        actions = await self._commands.actions_of_payment(mihpayid)
        return next((answers.refund_of(action) for action in actions if action.get("token") == token), None)

    async def fetch_refund(self, refund_ref: str) -> ProviderRefund:
        """The refund as it is now. One that PayU does not show (yet) is asked for again: it was accepted, and is not failed."""
        if not answers.is_number(refund_ref):
            raise ProviderRefused(provider=NAME, failure_code="malformed_id")
        action = await self._commands.action(refund_ref)
        if action is None:
            raise ProviderUnavailable(provider=NAME, reason="a refund that it does not show", retry_after=5)
        return answers.refund_of(action)

    def read_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> WebhookNotice:  # noqa: ARG002 - no times
        """What PayU's browser return or webhook is about. Raises SignatureInvalid.

        Payments are forms with the reverse hash. Refunds and disputes are JSON, and PayU signs those with nothing: they name
        our key, and what they say is asked of PayU before it counts. The same news twice has the same event's name.
        """
        if raw.lstrip()[:1] == b"{":
            return answers.notice_of_json(raw, self._key)
        return answers.notice_of_form(raw, self._key, self._salt)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._commands.aclose()
