"""The simulated provider: what the sandbox plays on loopback, spoken to over real HTTP like any other.

Its protocol is described in `docs/reference/simulated-provider.md`. Amounts are whole minor units; a repeated
merchant reference or Idempotency-Key answers what was answered first; webhooks follow Standard Webhooks.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import stamina
from standardwebhooks import Webhook

from vezne.kernel.errors import Refusal
from vezne.kernel.money import Money
from vezne.kernel.settings import Settings
from vezne.payments.providers.base import (
    Capabilities,
    FormPost,
    Grade,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderUnavailable,
    RefundGrade,
    RefundRequest,
    SignatureInvalid,
    Started,
    StartRequest,
    WebhookNotice,
)

NAME = "simulated"
TOLERANCE = timedelta(minutes=5)
"""How far a webhook's time may lie from ours, either way (Standard Webhooks, "Verifying webhook authenticity")."""

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
_TRIES, _FIRST_WAIT, _LONGEST_WAIT = 3, timedelta(milliseconds=100), timedelta(seconds=1)
_SERVER_ERROR = 500
_CLIENT_ERROR = 400
_PASSING = frozenset({408, 425, 429})


class SimulatedProvider:
    """Adapter to the sandbox's API under `/simulated/v1`."""

    name = NAME
    capabilities = Capabilities(partial_refund=True, manual_capture=True, cancel=True)

    def __init__(self, *, base_url: str, api_key: str, webhook_secret: str, timeout: timedelta = timedelta(seconds=10)) -> None:
        self.page_origins = (base_url,)
        self._webhook = Webhook(webhook_secret)
        self._client = httpx2.AsyncClient(
            base_url=f"{base_url}/simulated/v1",
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=timeout.total_seconds(),
            trust_env=False,
        )

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
        body = {
            "merchant_reference": request.reference,
            "amount_minor": request.amount.minor,
            "currency": request.amount.currency,
            "return_url": request.return_url,
            "webhook_url": request.webhook_url,
            "capture": "manual" if request.manual_capture else "automatic",
            "locale": request.locale,
            "description": request.description,
        }
        answer = await self._ask("POST", "/payments", body=body, key=request.reference)
        return Started(provider_ref=_text(answer, "id"), redirect_url=_text(answer, "redirect_url"))

    def form(self, request: StartRequest) -> FormPost | None:  # noqa: ARG002 - the Protocol's signature
        """None: its page is entered by its address."""
        return None

    async def find(self, reference: str, *, tenant_id: int = 0) -> ProviderPayment | None:  # noqa: ARG002 - one merchant
        """The payment made under our reference, if there is one."""
        answer = await self._ask("GET", "/payments", params={"merchant_reference": reference})
        found = answer.get("data")
        if not isinstance(found, list):
            raise ProviderUnavailable(provider=NAME, reason="an answer without data")
        return _payment(found[0]) if found else None

    async def fetch(self, provider_ref: str) -> ProviderPayment:
        """The payment as it is now."""
        return _payment(await self._ask("GET", f"/payments/{_path(provider_ref)}"))

    async def capture(self, provider_ref: str, amount: Money) -> ProviderPayment:
        """Take authorised money; when that was done already, the payment as it is."""
        return await self._move(provider_ref, "capture", {"amount_minor": amount.minor})

    async def cancel(self, provider_ref: str) -> ProviderPayment:
        """Close a payment that is not paid yet; one that can no longer be closed is returned as it is."""
        return await self._move(provider_ref, "cancel", {})

    async def _move(self, provider_ref: str, verb: str, body: Mapping[str, object]) -> ProviderPayment:
        try:
            answer = await self._ask("POST", f"/payments/{_path(provider_ref)}/{verb}", body=body, key=f"{verb}:{provider_ref}")
        except ProviderRefused:
            return await self.fetch(provider_ref)
        return _payment(answer)

    async def refund(self, request: RefundRequest) -> ProviderRefund:
        """Give money back, once for each reference."""
        body = {"amount_minor": request.amount.minor, "merchant_reference": request.reference}
        path = f"/payments/{_path(request.provider_ref)}/refunds"
        return _refund(await self._ask("POST", path, body=body, key=request.reference))

    async def fetch_refund(self, refund_ref: str) -> ProviderRefund:
        """The refund as it is now."""
        return _refund(await self._ask("GET", f"/refunds/{_path(refund_ref)}"))

    def read_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> WebhookNotice:
        """What a webhook says, once its signature and time are believed. Raises SignatureInvalid."""
        event_id = headers.get("webhook-id", "")
        self._verify(raw, event_id, headers.get("webhook-timestamp", ""), headers.get("webhook-signature", ""), now)
        try:
            notice = msgspec.json.decode(raw, type=_Notice)
        except msgspec.DecodeError as error:
            raise SignatureInvalid(reason="its content is no event") from error
        if event_id != notice.id:
            raise SignatureInvalid(reason="its header and its content name different events")
        about_refund = notice.type.startswith("refund.")
        ref = notice.data.get("payment" if about_refund else "id")
        return WebhookNotice(event_id=notice.id, type=notice.type, provider_ref=ref if isinstance(ref, str) else None)

    def _verify(self, raw: bytes, event_id: str, timestamp: str, signatures: str, now: datetime) -> None:
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):  # noqa: PLR2004 - until the year 5138
            raise SignatureInvalid(reason="its timestamp is missing or no number")
        at = datetime.fromtimestamp(int(timestamp), UTC)
        if abs(now - at) > TOLERANCE:
            raise SignatureInvalid(reason="its timestamp is too far from the present time")
        try:
            # The library's own `verify` asks the machine's clock and raises ValueError on a part without a comma.
            expected = self._webhook.sign(event_id, at, raw.decode())
        except UnicodeDecodeError:
            raise SignatureInvalid(reason="its content is no text") from None
        offered = [part.encode() for part in signatures.split(" ")]
        if not any(hmac.compare_digest(expected.encode(), part) for part in offered):
            raise SignatureInvalid(reason="no signature matches")

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        params: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """One question, asked again when no answer came: GETs are safe, and every POST carries its idempotency key."""
        headers = {"Idempotency-Key": key} if key else {}
        answer: dict[str, Any] = {}
        async for attempt in stamina.retry_context(
            ProviderUnavailable, attempts=_TRIES, wait_initial=_FIRST_WAIT, wait_max=_LONGEST_WAIT
        ):
            with attempt:
                try:
                    response = await self._client.request(method, path, json=body, params=params, headers=headers)
                except httpx2.HTTPError as error:
                    raise ProviderUnavailable(provider=NAME, reason=type(error).__name__, retry_after=2) from error
                answer = _read(response)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class _Notice(msgspec.Struct):
    id: str
    type: str
    data: dict[str, Any]


def _read(response: httpx2.Response) -> dict[str, Any]:
    if response.status_code >= _SERVER_ERROR or response.status_code in _PASSING:
        raise ProviderUnavailable(provider=NAME, reason=f"status {response.status_code}", retry_after=2)
    try:
        answer = msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        raise ProviderUnavailable(provider=NAME, reason="an answer that is not JSON", retry_after=2) from None
    if response.status_code >= _CLIENT_ERROR:
        error = answer.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        raise ProviderRefused(provider=NAME, failure_code=code or f"status {response.status_code}")
    return answer


def _path(ref: str) -> str:
    """A provider's id as one step of a path: it came from outside."""
    if not ref.replace("_", "").isalnum() or not ref.isascii():
        raise ProviderRefused(provider=NAME, failure_code="malformed_id")
    return ref


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise ProviderUnavailable(provider=NAME, reason=f"an answer without {name}")
    return value


def _money(answer: Mapping[str, Any], name: str) -> Money:
    try:
        return Money(answer[name], _text(answer, "currency"))
    except (KeyError, Refusal):
        raise ProviderUnavailable(provider=NAME, reason=f"an answer without a usable {name}") from None


def _payment(answer: Mapping[str, Any]) -> ProviderPayment:
    grade = _GRADES.get(_text(answer, "status"))
    if grade is None:
        raise ProviderUnavailable(provider=NAME, reason="a status that is not known")
    return ProviderPayment(
        provider_ref=_text(answer, "id"),
        reference=answer.get("merchant_reference"),
        grade=grade,
        amount=_money(answer, "amount_minor"),
        captured=_money(answer, "captured_minor"),
        refunded=_money(answer, "refunded_minor"),
        failure_code=answer.get("failure_code"),
        redirect_url=answer.get("redirect_url"),
        response=answer,
    )


def _refund(answer: Mapping[str, Any]) -> ProviderRefund:
    grades = {grade.value: grade for grade in RefundGrade}
    grade = grades.get(_text(answer, "status"))
    if grade is None:
        raise ProviderUnavailable(provider=NAME, reason="a status that is not known")
    return ProviderRefund(
        refund_ref=_text(answer, "id"),
        grade=grade,
        amount=_money(answer, "amount_minor"),
        failure_code=answer.get("failure_code"),
        response=answer,
    )
