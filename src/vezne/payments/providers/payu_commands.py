"""PayU's command API: one address, one signed form a question, JSON back."""

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import stamina

from vezne.kernel.tls import tls_context
from vezne.payments.providers.base import ProviderUnavailable
from vezne.payments.providers.payu_answers import NAME
from vezne.payments.providers.payu_texts import command_hash

_TRIES, _FIRST_WAIT, _LONGEST_WAIT = 3, timedelta(milliseconds=100), timedelta(seconds=1)
_OK = 200
_PATH = "/merchant/postservice.php?form=2"


class Commands:
    """Questions may be asked again; a refund is asked for once, and looked for when no answer came."""

    def __init__(self, base_url: str, key: str, salt: str, timeout: timedelta) -> None:
        self._key = key
        self._salt = salt
        self._client = httpx2.AsyncClient(
            base_url=base_url, timeout=timeout.total_seconds(), trust_env=False, verify=tls_context()
        )

    async def verify_payment(self, txnid: str) -> Mapping[str, Any] | None:
        """What PayU knows of a payment by our name for it; None when no browser has brought it there.

        That PayU says "Not Found" of such a one is not confirmed: an entry that is no object is read alike.
        """
        entry = _entry(await self._ask_until_answered("verify_payment", txnid), txnid)
        if entry is None or str(entry.get("status", "")).lower() == "not found":
            return None
        return entry

    async def actions_of_payment(self, mihpayid: str) -> list[Mapping[str, Any]]:
        """Everything that was done to a payment: its capture and its refunds."""
        return _actions(await self._ask_until_answered("check_action_status", mihpayid, "payuid"), mihpayid)

    async def action(self, request_id: str) -> Mapping[str, Any] | None:
        """One thing that was done to a payment, by PayU's number for it."""
        found = _actions(await self._ask_until_answered("check_action_status", request_id), request_id)
        return found[0] if found else None

    async def refund(self, mihpayid: str, token: str, amount: str) -> Mapping[str, Any]:
        """Ask for a refund, once."""
        return await self._ask("cancel_refund_transaction", mihpayid, token, amount)

    async def _ask_until_answered(self, command: str, *variables: str) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        async for attempt in stamina.retry_context(
            ProviderUnavailable, attempts=_TRIES, wait_initial=_FIRST_WAIT, wait_max=_LONGEST_WAIT
        ):
            with attempt:
                answer = await self._ask(command, *variables)
                if "transaction_details" not in answer:  # a wrong key or salt, say: no answer to what was asked
                    raise ProviderUnavailable(provider=NAME, reason=f"{command}: {str(answer.get('msg'))[:80]}", retry_after=5)
        return answer

    async def _ask(self, command: str, *variables: str) -> dict[str, Any]:
        form = {f"var{number}": value for number, value in enumerate(variables, 1)}
        form |= {"key": self._key, "command": command, "hash": command_hash(self._key, command, variables[0], self._salt)}
        try:
            response = await self._client.post(_PATH, data=form)
        except httpx2.HTTPError as error:
            raise ProviderUnavailable(provider=NAME, reason=type(error).__name__, retry_after=2) from error
        if response.status_code != _OK:
            raise ProviderUnavailable(provider=NAME, reason=f"status {response.status_code}", retry_after=2)
        return _read(response.content)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _read(content: bytes) -> dict[str, Any]:
    """The answer; an amount that PayU writes as a number stays the digits it wrote."""
    try:
        answer = json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ProviderUnavailable(provider=NAME, reason="an answer that is no JSON object", retry_after=2)
    return answer


def _entry(answer: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    details = answer["transaction_details"]
    entry = details.get(name) if isinstance(details, dict) else None
    return entry if isinstance(entry, dict) else None


def _actions(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [action for action in (_entry(answer, name) or {}).values() if isinstance(action, dict)]
