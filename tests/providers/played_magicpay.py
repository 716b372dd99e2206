"""MagicPay, played once in each mode: the demo in process over the test's own database, live through the sandbox."""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from pydantic import SecretStr

from desk_fixtures import DECLINED, DELAYED, GOOD
from magicpay_fixtures import API_SECRET, KEY, WEBHOOK_SECRET, MagicPayMerchant
from providers.played import Played
from vezne.kernel.settings import Settings
from vezne.payments.providers.base import Provider, StartRequest
from vezne.payments.providers.magicpay import MagicPay
from vezne.payments.providers.magicpay_live import MagicPayLive


class MagicPayInDemo(Played):
    """What its page and its `complete` do, done without them."""

    name = "magicpay"
    capabilities = MagicPay.capabilities
    needs_credentials = False
    is_remote = False
    unknown = (*Played.unknown, "session_7_" + "0" * 32, "mref_7_" + "0" * 32, "sim_pay_nobody", "session_7_1")

    def made(self) -> Provider:
        """As the settings make it, without credentials."""
        return self._bound(MagicPay.from_settings(Settings(_env_file=None)))

    def away(self) -> Provider | None:
        """Nobody can be away who plays in this very process."""
        return None

    def _bound(self, provider: MagicPay) -> MagicPay:
        self._bind(provider)
        self.magicpay = provider
        return provider

    def _bind(self, provider: MagicPay) -> None:
        assert self.db is not None
        provider.bind(self.db)

    async def pay(self, request: StartRequest, ref: str) -> None:  # noqa: ARG002 - its own name for the payment is enough
        """With a good card."""
        await self.magicpay.demo.pay(ref, GOOD)

    async def decline(self, request: StartRequest, ref: str) -> str:  # noqa: ARG002 - as above
        """With a declined card."""
        await self.magicpay.demo.pay(ref, DECLINED)
        return "card_declined"

    async def pay_later(self, request: StartRequest, ref: str) -> None:  # noqa: ARG002 - as above
        """With the card of delayed success."""
        await self.magicpay.demo.pay(ref, DELAYED)


class MagicPayInLive(MagicPayInDemo):
    """Cards of the sandbox, given over its machine API."""

    livemode = True
    settings: ClassVar[Mapping[str, object]] = {"payment_mode": "live"}
    unknown = (*Played.unknown, "mps_nobody", "sim_pay_nobody")

    def made(self) -> Provider:
        """As the settings make it."""
        return self._bound(
            MagicPay.from_settings(
                Settings(
                    magic_pay_base_url=self.sandbox.url,
                    magic_pay_api_key=SecretStr(KEY),
                    magic_pay_secret=SecretStr(API_SECRET),
                    magic_pay_webhook_secret=SecretStr(WEBHOOK_SECRET),
                    _env_file=None,
                )
            )
        )

    def away(self) -> Provider | None:
        """At a port where nobody listens."""
        live = MagicPayLive(
            base_url="http://127.0.0.1:9",
            api_key=KEY,
            secret=API_SECRET,
            webhook_secret=WEBHOOK_SECRET,
            timeout=timedelta(milliseconds=100),
        )
        provider = MagicPay(self.magicpay.demo, live)
        self._bind(provider)
        return provider

    async def pay(self, request: StartRequest, ref: str) -> None:  # noqa: ARG002 - as above
        """With a good card."""
        await MagicPayMerchant(self.sandbox.url).play(ref, GOOD)

    async def decline(self, request: StartRequest, ref: str) -> str:  # noqa: ARG002 - as above
        """With a declined card."""
        await MagicPayMerchant(self.sandbox.url).play(ref, DECLINED)
        return "card_declined"

    async def pay_later(self, request: StartRequest, ref: str) -> None:  # noqa: ARG002 - as above
        """With the card of delayed success."""
        await MagicPayMerchant(self.sandbox.url).play(ref, DELAYED)


PLAYED = (MagicPayInDemo, MagicPayInLive)
