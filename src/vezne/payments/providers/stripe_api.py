"""Speaking to Stripe through its official library: what is asked again, and what its errors mean to us.

The library's own HTTP client would be `requests` in threads; this one is httpx2, which waits without a thread and with our
patience. The library asks once (`max_network_retries=0`): what is asked again is decided here, with the same idempotency key.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, NoReturn

import httpx2
import stamina
import stripe

from vezne.kernel.tls import tls_context
from vezne.payments.providers.base import ProviderRefused, ProviderUnavailable
from vezne.payments.providers.stripe_amounts import NAME

Fields = Mapping[str, Any]
"""An object of Stripe's as plain values."""

_TRIES, _FIRST_WAIT, _LONGEST_WAIT = 3, timedelta(milliseconds=100), timedelta(seconds=1)
_CONFLICT, _SERVER_ERROR = 409, 500

stripe.enable_telemetry = False  # nothing about this machine is told beside what is asked


class Wire(stripe.HTTPClient):
    """The library's way to the network."""

    name: ClassVar[str] = "httpx2"

    def __init__(self, timeout: timedelta) -> None:
        super().__init__()
        self._client = httpx2.AsyncClient(timeout=timeout.total_seconds(), trust_env=False, verify=tls_context())

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One request, asked once."""
        try:
            response = await self._client.request(method, url, headers=headers, content=post_data)
        except httpx2.HTTPError as error:
            raise stripe.APIConnectionError(type(error).__name__) from error  # type: ignore[no-untyped-call]
        return response.content, response.status_code, response.headers

    async def close_async(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class StripeApi:
    """Stripe's API. No usable answer is ProviderUnavailable; a definite no is ProviderRefused with Stripe's own code."""

    def __init__(self, *, base_url: str, secret_key: str, timeout: timedelta) -> None:
        self._wire = Wire(timeout)
        self.client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": base_url, "files": base_url, "connect": base_url, "meter_events": base_url},
            max_network_retries=0,
            http_client=self._wire,
        )
        self.v1 = self.client.v1

    async def ask(self, call: Callable[[], Awaitable[stripe.StripeObject]]) -> dict[str, Any]:
        """One question, asked again when no answer came: reading is safe, and every POST names its idempotency key.

        A refusal's `__cause__` is the library's error, with everything that Stripe said.
        """
        answer: dict[str, Any] = {}
        async for attempt in stamina.retry_context(
            _may_be_asked_again, attempts=_TRIES, wait_initial=_FIRST_WAIT, wait_max=_LONGEST_WAIT
        ):
            with attempt:
                answer = await _once(call)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.close_async()


def key(text: str) -> stripe.RequestOptions:
    """The options of a POST under this idempotency key."""
    return {"idempotency_key": text}


def cause_of(refused: ProviderRefused) -> Fields:
    """What Stripe's error said, beside its code."""
    error = refused.__cause__
    return _said(error) if isinstance(error, stripe.StripeError) else {}


async def _once(call: Callable[[], Awaitable[stripe.StripeObject]]) -> dict[str, Any]:
    try:
        return (await call()).to_dict()
    except stripe.StripeError as error:
        _refuse(error)
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # an answer of a shape that the library does not expect
        raise ProviderUnavailable(provider=NAME, reason="an answer that cannot be read", retry_after=2, again=True) from error


def _refuse(error: stripe.StripeError) -> NoReturn:
    """A key that Stripe does not take is our fault and says nothing about the payment: it is no refusal of it."""
    said, status = _said(error), error.http_status or 0
    code = str(said.get("code") or said.get("type") or type(error).__name__)
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        raise ProviderUnavailable(provider=NAME, reason="our key is not taken", retry_after=60, again=False) from error
    passing = isinstance(error, stripe.APIConnectionError | stripe.APIError | stripe.RateLimitError)
    if passing or status == _CONFLICT or status >= _SERVER_ERROR:
        reason = str(error.user_message) if isinstance(error, stripe.APIConnectionError) else f"status {status} {code}"
        again = {"true": True, "false": False}.get(str((error.headers or {}).get("stripe-should-retry", "")), True)
        raise ProviderUnavailable(provider=NAME, reason=reason[:120], retry_after=2, again=again) from error
    raise ProviderRefused(provider=NAME, failure_code=str(said.get("decline_code") or code)) from error


def _said(error: stripe.StripeError) -> Fields:
    body = error.json_body
    said = body.get("error") if isinstance(body, Mapping) else None
    return said if isinstance(said, Mapping) else {}


def _may_be_asked_again(error: Exception) -> bool:
    return isinstance(error, ProviderUnavailable) and bool(error.facts.get("again", True))
