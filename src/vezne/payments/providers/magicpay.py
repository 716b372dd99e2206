"""MagicPay: card payments by hosted sessions. The tenant's `payment_mode` chooses the client.

`demo_local` and `GATEWAY_DEMO` are played inside this process (`magicpay_demo`); `live` speaks to MagicPay over HTTP
(`magicpay_live`), whose protocol is in `docs/reference/magicpay.md`. An attempt stays with the client that it was begun
with: the demo's sessions are called `session_…`, live ones `mps_…`.
"""

from collections.abc import Mapping
from datetime import datetime

from vezne.kernel.db import Database
from vezne.kernel.money import Money
from vezne.kernel.settings import Settings
from vezne.payments.providers import magicpay_demo
from vezne.payments.providers.base import (
    Capabilities,
    FormPost,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderUnavailable,
    RefundRequest,
    SignatureInvalid,
    Started,
    StartRequest,
    WebhookNotice,
)
from vezne.payments.providers.magicpay_demo import MagicPayDemo
from vezne.payments.providers.magicpay_live import MagicPayLive
from vezne.payments.providers.magicpay_sessions import tenant_of_ref

NAME = magicpay_demo.NAME


class MagicPay:
    """One provider over both clients. Without credentials only the demo is there."""

    name = NAME
    capabilities = Capabilities(partial_refund=True, manual_capture=False, cancel=True)

    def __init__(self, demo: MagicPayDemo, live: MagicPayLive | None) -> None:
        self.demo = demo
        self._live = live
        self.page_origins = () if live is None else (live.page_origin,)

    @classmethod
    def from_settings(cls, settings: Settings) -> "MagicPay":
        """The provider as the deployment has it: the demo always, live when all three of its secrets are set."""
        public_url = settings.public_url or f"http://{settings.host}:{settings.port}"
        return cls(MagicPayDemo(public_url=public_url), MagicPayLive.from_settings(settings))

    def bind(self, db: Database) -> None:
        """Where the demo keeps what it knows, and where the tenants' modes are read."""
        self.demo.bind(db)

    async def start(self, request: StartRequest) -> Started:
        """Make a session at the client of the tenant's mode. Raises ProviderRefused for a live tenant in a demo mode."""
        if await self.demo.mode_of(request.tenant_id) == "demo":
            return await self.demo.start(request)
        return await self._there().start(request)

    def form(self, request: StartRequest) -> FormPost | None:  # noqa: ARG002 - the Protocol's signature
        """None: its page is entered by its address."""
        return None

    async def find(self, reference: str, *, tenant_id: int = 0) -> ProviderPayment | None:
        """The session made under our reference, if there is one. A live tenant's mode may have changed since: both are asked."""
        found = await self.demo.find(reference, tenant_id)
        if found is not None or self._live is None or not await self.demo.is_live(tenant_id):
            return found
        return await self._live.find(reference)

    async def fetch(self, provider_ref: str) -> ProviderPayment:
        """The session as it is now."""
        return await self._of(provider_ref).fetch(provider_ref)

    async def capture(self, provider_ref: str, amount: Money) -> ProviderPayment:  # noqa: ARG002 - the Protocol's signature
        """Nothing is ever only promised here: the session as it is."""
        return await self.fetch(provider_ref)

    async def cancel(self, provider_ref: str) -> ProviderPayment:
        """Close a session that is not paid yet; one that can no longer be closed is returned as it is."""
        return await self._of(provider_ref).cancel(provider_ref)

    async def refund(self, request: RefundRequest) -> ProviderRefund:
        """Give money back, once for each reference."""
        return await self._of(request.provider_ref).refund(request)

    async def fetch_refund(self, refund_ref: str) -> ProviderRefund:
        """The refund as it is now."""
        return await self._of(refund_ref).fetch_refund(refund_ref)

    def read_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> WebhookNotice:
        """What a webhook of the live client says. Raises SignatureInvalid; the demo sends none."""
        if self._live is None:
            raise SignatureInvalid(reason="no MagicPay webhook secret is set")
        return self._live.read_webhook(raw, headers, now)

    def _of(self, ref: str) -> MagicPayDemo | MagicPayLive:
        """The client that a session or a refund was made at."""
        if tenant_of_ref("session", ref) is not None or tenant_of_ref("mref", ref) is not None:
            return self.demo
        if not ref.startswith(("mps_", "mpr_")):
            raise ProviderRefused(provider=NAME, failure_code="malformed_id")
        return self._there()

    def _there(self) -> MagicPayLive:
        if self._live is None:
            raise ProviderUnavailable(provider=NAME, reason="its credentials are not set")
        return self._live

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._live is not None:
            await self._live.aclose()
