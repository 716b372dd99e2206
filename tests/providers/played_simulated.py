"""The simulated provider, played through the sandbox."""

from datetime import timedelta

from pydantic import SecretStr

from desk_fixtures import CHALLENGED, DECLINED, DELAYED, GOOD, KEY, SECRET
from providers.played import Played
from vezne.kernel.settings import Settings
from vezne.payments.providers import PROVIDERS
from vezne.payments.providers.base import Provider, SeenMethod, StartRequest
from vezne.payments.providers.simulated import SimulatedProvider


class Simulated(Played):
    """Cards of the sandbox, given over its machine API."""

    name = "simulated"
    capabilities = SimulatedProvider.capabilities
    unknown = (*Played.unknown, "sim_pay_nobody")

    def made(self) -> Provider:
        """As the settings make it."""
        provider = PROVIDERS[self.name](
            Settings(
                simulated_base_url=self.sandbox.url,
                simulated_api_key=SecretStr(KEY),
                simulated_webhook_secret=SecretStr(SECRET),
                _env_file=None,
            )
        )
        assert provider is not None
        return provider

    def away(self) -> Provider:
        """At a port where nobody listens."""
        return SimulatedProvider(
            base_url="http://127.0.0.1:9", api_key=KEY, webhook_secret=SECRET, timeout=timedelta(milliseconds=100)
        )

    async def pay(self, request: StartRequest, ref: str) -> None:  # noqa: ARG002 - its own name for the payment is enough
        """With a good card."""
        await self.sandbox.play(ref, GOOD)

    async def decline(self, request: StartRequest, ref: str) -> str:  # noqa: ARG002 - as above
        """With a declined card."""
        await self.sandbox.play(ref, DECLINED)
        return "card_declined"

    async def pay_later(self, request: StartRequest, ref: str) -> None:  # noqa: ARG002 - as above
        """With the card of delayed success."""
        await self.sandbox.play(ref, DELAYED)

    async def declining(self) -> tuple[SeenMethod, str]:
        """A card whose money has run out."""
        method = await self.stored()
        await self.sandbox.play_method(method.method_ref, "4000000000009995")
        return method, "insufficient_funds"

    async def asking(self) -> SeenMethod:
        """A card whose bank has come to want 3-D Secure."""
        method = await self.stored()
        await self.sandbox.play_method(method.method_ref, CHALLENGED)
        return method


PLAYED = (Simulated,)
