"""MagicPay's live client: sessions over HTTP.

Every request carries the merchant's API key and a signature: HMAC-SHA256 with the merchant's secret over the method, the
target (path and query), the time and the body's exact bytes. Webhooks follow Standard Webhooks. A repeated merchant
reference or Idempotency-Key answers what was answered first.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from vezne.kernel.clock import real_now
from vezne.kernel.settings import Settings
from vezne.payments.providers.base import (
    Grade,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderUnavailable,
    RefundGrade,
    RefundRequest,
    Started,
    StartRequest,
    WebhookNotice,
)
from vezne.payments.providers.json_api import JsonApi
from vezne.payments.providers.magicpay_demo import NAME
from vezne.payments.providers.standard_webhooks import read_notice, webhook_of

_GRADES = {
    "open": Grade.PENDING,
    "requires_action": Grade.REQUIRES_ACTION,
    "processing": Grade.PROCESSING,
    "paid": Grade.CAPTURED,
    "failed": Grade.FAILED,
    "cancelled": Grade.CANCELLED,
    "expired": Grade.EXPIRED,
}


def signature(secret: str, method: str, target: str, timestamp: str, body: bytes) -> str:
    """What signs a request: `v1=` and the hexadecimal HMAC-SHA256 over its parts, one a line, the body last and as it is."""
    message = f"{method}\n{target}\n{timestamp}\n".encode() + body
    return f"v1={hmac.digest(secret.encode(), message, hashlib.sha256).hex()}"


class MagicPayLive:
    """Adapter to MagicPay's API under `/magicpay/v1`."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        secret: str,
        webhook_secret: str,
        timeout: timedelta = timedelta(seconds=10),
        now: Callable[[], datetime] = real_now,
    ) -> None:
        self.page_origin = base_url
        self._webhook = webhook_of(webhook_secret)

        def sign(method: str, target: str, body: bytes) -> Mapping[str, str]:
            timestamp = str(int(now().timestamp()))
            return {
                "MagicPay-Timestamp": timestamp,
                "MagicPay-Signature": signature(secret, method, target, timestamp, body),
            }

        headers = {"MagicPay-Api-Key": api_key}
        self._api = JsonApi(NAME, base_url=f"{base_url}/magicpay/v1", headers=headers, timeout=timeout, sign=sign)

    @classmethod
    def from_settings(cls, settings: Settings) -> "MagicPayLive | None":
        """The client as the deployment has it; None unless its key and both secrets are set."""
        key, secret, webhook_secret = (
            _plain(settings.magic_pay_api_key),
            _plain(settings.magic_pay_secret),
            _plain(settings.magic_pay_webhook_secret),
        )
        if key is None or secret is None or webhook_secret is None:
            return None
        return cls(
            base_url=settings.magic_pay_base_url or f"http://127.0.0.1:{settings.sandbox_port}",
            api_key=key,
            secret=secret,
            webhook_secret=webhook_secret,
        )

    async def start(self, request: StartRequest) -> Started:
        """Make a session; its customer pays at its page."""
        body = {
            "merchant_reference": request.reference,
            "amount_minor": request.amount.minor,
            "currency": request.amount.currency,
            "return_url": request.return_url,
            "webhook_url": request.webhook_url,
            "locale": request.locale,
            "description": request.description,
        }
        answer = await self._api.ask("POST", "/sessions", body=body, key=request.reference)
        return Started(provider_ref=self._api.text(answer, "id"), redirect_url=self._api.text(answer, "checkout_url"))

    async def find(self, reference: str) -> ProviderPayment | None:
        """The session made under our reference, if there is one."""
        answer = await self._api.ask("GET", "/sessions", params={"merchant_reference": reference})
        found = answer.get("data")
        if not isinstance(found, list):
            raise ProviderUnavailable(provider=NAME, reason="an answer without data")
        return self._payment(found[0]) if found else None

    async def fetch(self, provider_ref: str) -> ProviderPayment:
        """The session as it is now."""
        return self._payment(await self._api.ask("GET", f"/sessions/{self._api.step(provider_ref)}"))

    async def cancel(self, provider_ref: str) -> ProviderPayment:
        """Close a session that is not paid yet; one that can no longer be closed is returned as it is."""
        path = f"/sessions/{self._api.step(provider_ref)}/cancel"
        try:
            return self._payment(await self._api.ask("POST", path, body={}, key=f"cancel:{provider_ref}"))
        except ProviderRefused:
            return await self.fetch(provider_ref)

    async def refund(self, request: RefundRequest) -> ProviderRefund:
        """Give money back, once for each reference."""
        body = {"amount_minor": request.amount.minor, "merchant_reference": request.reference}
        path = f"/sessions/{self._api.step(request.provider_ref)}/refunds"
        return self._refund(await self._api.ask("POST", path, body=body, key=request.reference))

    async def fetch_refund(self, refund_ref: str) -> ProviderRefund:
        """The refund as it is now."""
        return self._refund(await self._api.ask("GET", f"/refunds/{self._api.step(refund_ref)}"))

    def read_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> WebhookNotice:
        """What a webhook says, once its signature and time are believed. Raises SignatureInvalid."""
        notice = read_notice(self._webhook, raw, headers, now)
        ref = notice.data.get("session" if notice.type.startswith("refund.") else "id")
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
            captured=self._api.money(answer, "paid_minor"),
            refunded=self._api.money(answer, "refunded_minor"),
            failure_code=answer.get("failure_code"),
            redirect_url=answer.get("checkout_url"),
            response=answer,
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


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
