"""A merchant's form for PayU, the browser that brings it, and the questions its program asks."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from sandbox.merchant import Gateway
from vezne.sandbox import SandboxSettings
from vezne.sandbox.payu import hashes

PAYU_KEY: str = SandboxSettings.model_fields["payu_merchant_key"].default
PAYU_SALT: str = SandboxSettings.model_fields["payu_merchant_salt"].default
MASTERCARD, POOR, DELAYED = "5123456789012346", "4000000000009995", "4000000000000077"


def form_in(page: str) -> tuple[str, dict[str, str]]:
    """The last form of a page, as a browser would post it."""
    action = re.findall(r'<form[^>]* method="post" action="([^"]*)"', page)[-1]
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return html.unescape(action), {html.unescape(name): html.unescape(value) for name, value in fields}


@dataclass
class PayuCustomer:
    """Everybody who meets PayU."""

    gateway: Gateway
    made: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def form(self, **changes: str) -> dict[str, str]:
        """The merchant's form, signed; a changed `hash` stays as it is."""
        self.made += 1
        fields = {
            "key": PAYU_KEY,
            "txnid": f"order{self.made}",
            "amount": "100",
            "productinfo": "Concert",
            "firstname": "Ada",
            "email": "ada@shop.example",
            "phone": "",
            "surl": f"{self.gateway.merchant.url}/webhook",
            "furl": f"{self.gateway.merchant.url}/webhook?failed",
            "udf1": "7",
            **changes,
        }
        return {"hash": hashes.of_request(fields, PAYU_SALT), **fields}

    async def enter(self, form: dict[str, str]) -> httpx2.Response:
        """The browser posts it."""
        return await self.gateway.client.post("/_payment", data=form, headers=self.headers)

    async def page(self, **changes: str) -> tuple[str, str]:
        """A form that was brought: its txnid, and the page's address."""
        form = self.form(**changes)
        answer = await self.enter(form)
        assert answer.status_code == 303, answer.text
        return form["txnid"], str(answer.headers["location"])

    async def act(self, txnid: str, **what: str) -> httpx2.Response:
        """Something happens on the page."""
        return await self.gateway.client.post(f"/payu/play/{txnid}", json=what)

    async def paid(self, card: str = MASTERCARD, **changes: str) -> dict[str, Any]:
        """A transaction after a card was used, as the command API shows it."""
        txnid, _ = await self.page(**changes)
        (await self.act(txnid, card=card)).raise_for_status()
        return await self.verified(txnid)

    async def verified(self, txnid: str) -> dict[str, Any]:
        """What verify_payment says of it."""
        found: dict[str, Any] = (await self.ask("verify_payment", txnid))["transaction_details"][txnid]
        return found

    async def ask(
        self, command: str, var1: str, var2: str = "", var3: str = "", changes: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """What the command API answers."""
        form = {"key": PAYU_KEY, "command": command, "var1": var1, "var2": var2, "var3": var3}
        form |= {"hash": hashes.of_command(PAYU_KEY, command, var1, PAYU_SALT), **(changes or {})}
        answer = await self.gateway.client.post("/merchant/postservice.php?form=2", data=form)
        said: dict[str, Any] = answer.raise_for_status().json()
        return said

    async def tell_merchant(self) -> None:
        """The merchant sets its webhook's address on the dashboard."""
        body = {"webhook_url": self.gateway.merchant.webhook_url}
        (await self.gateway.client.put("/payu/play/dashboard", json=body)).raise_for_status()
