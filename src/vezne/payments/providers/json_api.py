"""Speaking to a provider whose API is JSON over HTTP: what is asked again, what an answer means, and how it is read."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx2
import msgspec
import stamina

from vezne.kernel.errors import Refusal
from vezne.kernel.money import Money
from vezne.kernel.tls import tls_context
from vezne.payments.providers.base import ProviderRefused, ProviderUnavailable

Sign = Callable[[str, str, bytes], Mapping[str, str]]
"""The headers that sign a request: of its method, its target (path and query as they are sent) and its body's exact bytes."""

_TRIES, _FIRST_WAIT, _LONGEST_WAIT = 3, timedelta(milliseconds=100), timedelta(seconds=1)
_SERVER_ERROR = 500
_CLIENT_ERROR = 400
_PASSING = frozenset({408, 425, 429})


class JsonApi:
    """One provider's API. No usable answer is ProviderUnavailable; a definite no is ProviderRefused with the API's own code."""

    def __init__(
        self, name: str, *, base_url: str, headers: Mapping[str, str], timeout: timedelta, sign: Sign | None = None
    ) -> None:
        self._name = name
        self._sign = sign
        self._client = httpx2.AsyncClient(
            base_url=base_url, headers=headers, timeout=timeout.total_seconds(), trust_env=False, verify=tls_context()
        )

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        params: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """One question, asked again when no answer came: GETs are safe, and every POST carries its idempotency key."""
        content = None if body is None else msgspec.json.encode(body)
        answer: dict[str, Any] = {}
        async for attempt in stamina.retry_context(
            ProviderUnavailable, attempts=_TRIES, wait_initial=_FIRST_WAIT, wait_max=_LONGEST_WAIT
        ):
            with attempt:
                request = self._request(method, path, content, params, key)
                try:
                    response = await self._client.send(request)
                except httpx2.HTTPError as error:
                    raise ProviderUnavailable(provider=self._name, reason=type(error).__name__, retry_after=2) from error
                answer = self._read(response)
        return answer

    def _request(
        self, method: str, path: str, content: bytes | None, params: Mapping[str, str] | None, key: str | None
    ) -> httpx2.Request:
        headers = {} if key is None else {"Idempotency-Key": key}
        if content is not None:
            headers["Content-Type"] = "application/json"
        request = self._client.build_request(method, path, content=content, params=params, headers=headers)
        if self._sign is not None:
            request.headers.update(self._sign(method, request.url.raw_path.decode(), content or b""))
        return request

    def _read(self, response: httpx2.Response) -> dict[str, Any]:
        if response.status_code >= _SERVER_ERROR or response.status_code in _PASSING:
            raise ProviderUnavailable(provider=self._name, reason=f"status {response.status_code}", retry_after=2)
        try:
            answer = msgspec.json.decode(response.content, type=dict[str, Any])
        except msgspec.DecodeError:
            raise ProviderUnavailable(provider=self._name, reason="an answer that is not JSON", retry_after=2) from None
        if response.status_code >= _CLIENT_ERROR:
            error = answer.get("error")
            code = error.get("code") if isinstance(error, dict) else None
            raise ProviderRefused(provider=self._name, failure_code=code or f"status {response.status_code}")
        return answer

    def step(self, ref: str) -> str:
        """A provider's id as one step of a path: it came from outside. Raises ProviderRefused."""
        if not ref.replace("_", "").isalnum() or not ref.isascii():
            raise ProviderRefused(provider=self._name, failure_code="malformed_id")
        return ref

    def text(self, answer: Mapping[str, Any], name: str) -> str:
        """What the answer says under `name`. Raises ProviderUnavailable when that is no text."""
        value = answer.get(name)
        if not isinstance(value, str) or not value:
            raise ProviderUnavailable(provider=self._name, reason=f"an answer without {name}")
        return value

    def money(self, answer: Mapping[str, Any], name: str) -> Money:
        """The amount under `name`, in the answer's currency. Raises ProviderUnavailable when there is none."""
        try:
            return Money(answer[name], self.text(answer, "currency"))
        except (KeyError, Refusal):
            raise ProviderUnavailable(provider=self._name, reason=f"an answer without a usable {name}") from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
