"""The simulated provider: what the sandbox plays on loopback, spoken to over real HTTP like any other.

Its protocol is described in `docs/reference/simulated-provider.md`. Amounts are whole minor units; a repeated
merchant reference or Idempotency-Key answers what was answered first; webhooks follow Standard Webhooks.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from standardwebhooks import Webhook

from vezne.kernel.money import Money
from vezne.kernel.settings import Settings
from vezne.payments.providers.base import (
    Capabilities,
    ChargeRequest,
    FormPost,
    Grade,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderUnavailable,
    RefundGrade,
    RefundRequest,
    SeenMethod,
    Started,
    StartRequest,
    WebhookNotice,
)
from vezne.payments.providers.json_api import JsonApi
from vezne.payments.providers.standard_webhooks import read_notice

NAME = "simulated"

_GRADES = {
    "pending": Grade.PENDING,
    "requires_action": Grade.REQUIRES_ACTION,
    "processing": Grade.PROCESSING,
    "authorised": Grade.AUTHORISED,
    "succeeded": Grade.CAPTURED,
    "failed": Grade.FAILED,
    "cancelled": Grade.CANCELLED,
    "expired": Grade.EXPIRED,
}


class SimulatedProvider:
    """Adapter to the sandbox's API under `/simulated/v1`."""

    name = NAME
    capabilities = Capabilities(partial_refund=True, manual_capture=True, cancel=True, stored_methods=True)

    def __init__(self, *, base_url: str, api_key: str, webhook_secret: str, timeout: timedelta = timedelta(seconds=10)) -> None:
        self.page_origins = (base_url,)
        self._webhook = Webhook(webhook_secret)
        headers = {"Authorization": f"Bearer {api_key}"}
        self._api = JsonApi(NAME, base_url=f"{base_url}/simulated/v1", headers=headers, timeout=timeout)

    @classmethod
    def from_settings(cls, settings: Settings) -> "SimulatedProvider | None":
        """The provider as the deployment has it; None when its key or webhook secret is not set."""
        if settings.simulated_api_key is None or settings.simulated_webhook_secret is None:
            return None
        return cls(
            base_url=settings.simulated_base_url or f"http://127.0.0.1:{settings.sandbox_port}",
            api_key=settings.simulated_api_key.get_secret_value(),
            webhook_secret=settings.simulated_webhook_secret.get_secret_value(),
        )

    async def start(self, request: StartRequest) -> Started:
        """Make a payment; its customer pays at `redirect_url`."""
        body: dict[str, object] = {
            "merchant_reference": request.reference,
            "amount_minor": request.amount.minor,
            "currency": request.amount.currency,
            "return_url": request.return_url,
            "webhook_url": request.webhook_url,
            "capture": "manual" if request.manual_capture else "automatic",
            "locale": request.locale,
            "description": request.description,
        }
        if request.customer_reference:
            body |= {"customer": request.customer_reference, "save_card": request.save_method}
        answer = await self._api.ask("POST", "/payments", body=body, key=request.reference)
        return Started(provider_ref=self._api.text(answer, "id"), redirect_url=self._api.text(answer, "redirect_url"))

    def form(self, request: StartRequest) -> FormPost | None:  # noqa: ARG002 - the Protocol's signature
        """None: its page is entered by its address."""
        return None

    async def find(self, reference: str, *, tenant_id: int = 0) -> ProviderPayment | None:  # noqa: ARG002 - one merchant
        """The payment made under our reference, if there is one."""
        answer = await self._api.ask("GET", "/payments", params={"merchant_reference": reference})
        found = answer.get("data")
        if not isinstance(found, list):
            raise ProviderUnavailable(provider=NAME, reason="an answer without data")
        return self._payment(found[0]) if found else None

    async def fetch(self, provider_ref: str) -> ProviderPayment:
        """The payment as it is now."""
        return self._payment(await self._api.ask("GET", f"/payments/{self._api.step(provider_ref)}"))

    async def charge(self, request: ChargeRequest) -> ProviderPayment:
        """Charge a stored card, once for each reference."""
        body: dict[str, object] = {
            "merchant_reference": request.reference,
            "amount_minor": request.amount.minor,
            "currency": request.amount.currency,
            "method": request.method_ref,
            "webhook_url": request.webhook_url,
            "description": request.description,
        }
        if request.customer_ref is not None:
            body["customer"] = request.customer_ref
        return self._payment(await self._api.ask("POST", "/charges", body=body, key=request.reference))

    async def forget_method(self, method_ref: str) -> None:
        """Have a stored card removed."""
        await self._api.ask("DELETE", f"/methods/{self._api.step(method_ref)}")

    async def capture(self, provider_ref: str, amount: Money) -> ProviderPayment:
        """Take authorised money; when that was done already, the payment as it is."""
        return await self._move(provider_ref, "capture", {"amount_minor": amount.minor})

    async def cancel(self, provider_ref: str) -> ProviderPayment:
        """Close a payment that is not paid yet; one that can no longer be closed is returned as it is."""
        return await self._move(provider_ref, "cancel", {})

    async def _move(self, provider_ref: str, verb: str, body: Mapping[str, object]) -> ProviderPayment:
        try:
            path = f"/payments/{self._api.step(provider_ref)}/{verb}"
            answer = await self._api.ask("POST", path, body=body, key=f"{verb}:{provider_ref}")
        except ProviderRefused:
            return await self.fetch(provider_ref)
        return self._payment(answer)

    async def refund(self, request: RefundRequest) -> ProviderRefund:
        """Give money back, once for each reference."""
        body = {"amount_minor": request.amount.minor, "merchant_reference": request.reference}
        path = f"/payments/{self._api.step(request.provider_ref)}/refunds"
        return self._refund(await self._api.ask("POST", path, body=body, key=request.reference))

    async def fetch_refund(self, refund_ref: str) -> ProviderRefund:
        """The refund as it is now."""
        return self._refund(await self._api.ask("GET", f"/refunds/{self._api.step(refund_ref)}"))

    def read_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> WebhookNotice:
        """What a webhook says, once its signature and time are believed. Raises SignatureInvalid."""
        notice = read_notice(self._webhook, raw, headers, now)
        about_refund = notice.type.startswith("refund.")
        ref = notice.data.get("payment" if about_refund else "id")
        return WebhookNotice(event_id=notice.id, type=notice.type, provider_ref=ref if isinstance(ref, str) else None)

    def _payment(self, answer: Mapping[str, Any]) -> ProviderPayment:
        grade = _GRADES.get(self._api.text(answer, "status"))
        if grade is None:
            raise ProviderUnavailable(provider=NAME, reason="a status that is not known")
        return ProviderPayment(
            provider_ref=self._api.text(answer, "id"),
            reference=answer.get("merchant_reference"),
            grade=grade,
            amount=self._api.money(answer, "amount_minor"),
            captured=self._api.money(answer, "captured_minor"),
            refunded=self._api.money(answer, "refunded_minor"),
            failure_code=answer.get("failure_code"),
            redirect_url=answer.get("redirect_url"),
            response=answer,
            customer_ref=answer.get("customer"),
            method=self._method(answer),
        )

    def _method(self, answer: Mapping[str, Any]) -> SeenMethod | None:
        stored = answer.get("method")
        if not isinstance(stored, dict):
            return None
        return SeenMethod(
            method_ref=self._api.text(stored, "id"),
            customer_ref=answer.get("customer"),
            brand=self._api.text(stored, "brand"),
            last4=self._api.text(stored, "last4"),
            expires_year=stored.get("expires_year"),
            expires_month=stored.get("expires_month"),
        )

    def _refund(self, answer: Mapping[str, Any]) -> ProviderRefund:
        grades = {grade.value: grade for grade in RefundGrade}
        grade = grades.get(self._api.text(answer, "status"))
        if grade is None:
            raise ProviderUnavailable(provider=NAME, reason="a status that is not known")
        return ProviderRefund(
            refund_ref=self._api.text(answer, "id"),
            grade=grade,
            amount=self._api.money(answer, "amount_minor"),
            failure_code=answer.get("failure_code"),
            response=answer,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()
