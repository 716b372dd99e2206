"""What payments stand on outside the database: the providers of this deployment, its public address and its patience.

The composition root makes one `Gateways` and gives it to the jobs and, on `app.state.gateways`, to the endpoints.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from vezne.kernel.clock import real_now
from vezne.kernel.db import Database
from vezne.kernel.errors import NotFound
from vezne.kernel.settings import Settings
from vezne.payments.providers import PROVIDERS
from vezne.payments.providers.base import Provider
from vezne.payments.tenant_texts import tenant_text


class ProviderUnknown(NotFound):
    """There is no payment provider {provider} in this deployment."""


@runtime_checkable
class InProcess(Protocol):
    """A provider that keeps what it knows in our own database; it opens short transactions of its own."""

    def bind(self, db: Database) -> None:
        """Where it keeps what it knows."""
        ...


@dataclass(frozen=True, slots=True)
class Gateways:
    """The providers by name, how the outside reaches us, and how long a payment may be paid."""

    providers: Mapping[str, Provider]
    public_url: str
    session_ttl: timedelta = timedelta(minutes=30)
    now: Callable[[], datetime] = field(default=real_now)
    """The real time, by which webhooks are stale: a provider knows nothing of a held test clock."""

    @classmethod
    def from_settings(cls, settings: Settings) -> "Gateways":
        """The deployment's providers, those whose credentials are set."""
        made = {name: make(settings) for name, make in PROVIDERS.items()}
        return cls(
            providers={name: provider for name, provider in made.items() if provider is not None},
            public_url=settings.public_url or f"http://{settings.host}:{settings.port}",
            session_ttl=timedelta(minutes=settings.payment_session_ttl_minutes),
        )

    def provider(self, name: str) -> Provider:
        """The provider called `name`. Raises ProviderUnknown."""
        found = self.providers.get(name)
        if found is None:
            raise ProviderUnknown(provider=name[:64])
        return found

    def webhook_url(self, provider: str, tenant_id: int) -> str:
        """Where `provider` tells us of a tenant's payments."""
        return f"{self.public_url}/v1/providers/{provider}/webhooks/{tenant_text(tenant_id)}"

    def checkout_url(self, client_secret: str) -> str:
        """Where the customer pays."""
        return f"{self.public_url}/checkout/{client_secret}"

    def form_url(self, token: str) -> str:
        """Our page that sends the customer on to a provider that is entered by a form."""
        return f"{self.public_url}/pay/{token}"

    def bind(self, db: Database) -> None:
        """Give the database to the providers that play themselves in this process (those with a `bind` of their own)."""
        for provider in self.providers.values():
            if isinstance(provider, InProcess):
                provider.bind(db)

    async def aclose(self) -> None:
        """Let go of the providers' connections."""
        for provider in self.providers.values():
            await provider.aclose()
