"""Stripe, played through the sandbox: its customers act over the machine API as they would on its pages."""

from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from desk_fixtures import KEY, Sandbox
from providers.played import Played
from vezne.kernel.settings import Settings
from vezne.payments.providers import PROVIDERS
from vezne.payments.providers.base import Provider, SeenMethod, StartRequest
from vezne.payments.providers.stripe import StripeProvider
from vezne.sandbox import SandboxSettings

STRIPE_KEY: str = SandboxSettings.model_fields["stripe_secret_key"].default
STRIPE_SECRET: str = SandboxSettings.model_fields["stripe_webhook_secret"].default
GOOD, POOR = "4242424242424242", "4000000000009995"


async def act(sandbox: Sandbox, ref: str, **what: str) -> dict[str, Any]:
    """What a customer does on the page of a session, or asked by the bank about an intent; how both then stand."""
    headers = {"authorization": f"Bearer {KEY}"}
    answer = await sandbox.client.post(f"/stripe/play/{ref}", json=what, headers=headers)
    assert answer.is_success, answer.text
    done: dict[str, Any] = answer.json()
    return done


async def ask(sandbox: Sandbox, method: str, path: str, **form: str) -> dict[str, Any]:
    """What the merchant asks Stripe itself, beside the adapter."""
    sent: dict[str, Any] = {"params": form} if method == "GET" else {"data": form}
    answer = await sandbox.client.request(method, path, headers={"authorization": f"Bearer {STRIPE_KEY}"}, **sent)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


class Stripe(Played):
    """Checkout pages."""

    name = "stripe"
    capabilities = StripeProvider.capabilities

    def made(self) -> Provider:
        """As the settings make it."""
        provider = PROVIDERS[self.name](
            Settings(
                stripe_base_url=self.sandbox.url,
                stripe_secret_key=SecretStr(STRIPE_KEY),
                stripe_webhook_secret=SecretStr(STRIPE_SECRET),
                _env_file=None,
            )
        )
        assert provider is not None
        return provider

    def away(self) -> Provider:
        """At a port where nobody listens."""
        return StripeProvider(
            base_url="http://127.0.0.1:9",
            secret_key=STRIPE_KEY,
            webhook_secrets=(STRIPE_SECRET,),
            timeout=timedelta(milliseconds=100),
        )

    async def pay(self, request: StartRequest, ref: str) -> None:  # noqa: ARG002 - the page knows the request
        """With a good card."""
        await act(self.sandbox, ref, card=GOOD)

    async def decline(self, request: StartRequest, ref: str) -> str:  # noqa: ARG002
        """With a card of a poor customer, who then leaves: while the page is open, another card may be tried."""
        await act(self.sandbox, ref, card=POOR)
        await ask(self.sandbox, "POST", f"/v1/checkout/sessions/{ref}/expire")
        return "insufficient_funds"

    async def pay_later(self, request: StartRequest, ref: str) -> None:  # noqa: ARG002
        """By a bank debit, whose outcome the bank tells later."""
        await act(self.sandbox, ref, method="sepa_debit")

    async def declining(self) -> tuple[SeenMethod, str]:
        """The card that Stripe documents for it."""
        return await self._attached("pm_card_chargeCustomerFail"), "generic_decline"

    async def asking(self) -> SeenMethod:
        """A card whose bank asks the customer each time."""
        return await self._attached("pm_card_authenticationRequired")

    async def _attached(self, card: str) -> SeenMethod:
        """A card of the customer's, added beside one that was paid with."""
        stored = await self.stored()
        made = await ask(self.sandbox, "POST", f"/v1/payment_methods/{card}/attach", customer=stored.customer_ref or "")
        return SeenMethod(method_ref=made["id"], customer_ref=stored.customer_ref)


PLAYED = (Stripe,)
