"""The sandbox's MagicPay, as a merchant's own program speaks to it: every request signed by hand."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2

KEY = "mp_test_0123456789"
API_SECRET = "a-secret-of-the-tests-0123456789"
WEBHOOK_SECRET = "whsec_bWFnaWNwYXktd2ViaG9vay1zZWNyZXQ="
CREDENTIALS = {
    "magic_pay_api_key": KEY,
    "magic_pay_secret": API_SECRET,
    "magic_pay_webhook_secret": WEBHOOK_SECRET,
}


def signed(method: str, target: str, body: bytes, *, at: int | None = None, secret: str = API_SECRET) -> dict[str, str]:
    """The headers of a request, as `docs/reference/magicpay.md` says."""
    stamp = str(int(time.time()) if at is None else at)
    message = f"{method}\n{target}\n{stamp}\n".encode() + body
    digest = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return {"MagicPay-Api-Key": KEY, "MagicPay-Timestamp": stamp, "MagicPay-Signature": f"v1={digest}"}


@dataclass
class MagicPayMerchant:
    """A program with the merchant's key and secret."""

    url: str
    made: int = 0
    facts: dict[str, object] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """One signed request."""
        target = f"/magicpay/v1{path}"
        raw = b"" if body is None else json.dumps(body).encode()
        kept = {**signed(method, target, raw), **headers}
        async with httpx2.AsyncClient(base_url=self.url, trust_env=False, timeout=10) as client:
            return await client.request(method, target, content=raw, headers=kept)

    async def told(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The answer to a request that must succeed."""
        answer: dict[str, Any] = (await self.ask(method, path, body)).raise_for_status().json()
        return answer

    async def session(self, **changes: object) -> dict[str, Any]:
        """Another session."""
        self.made += 1
        asked = {
            "merchant_reference": f"order-{self.made}",
            "amount_minor": 10_000,
            "currency": "TRY",
            "return_url": "http://127.0.0.1:9/return",
            **self.facts,
            **changes,
        }
        return await self.told("POST", "/sessions", asked)

    async def play(self, session: str, card: str, three_ds: str = "approve") -> dict[str, Any]:
        """What the customer does on the hosted page."""
        return await self.told("POST", f"/sessions/{session}/play", {"card": card, "three_ds": three_ds})

    async def arm(self, **faults: object) -> None:
        """These faults and no others."""
        await self.told("POST", "/faults", faults)

    async def fired(self, name: str) -> int:
        """How often a fault has happened."""
        fired: int = (await self.told("GET", "/faults"))["fired"][name]
        return fired
