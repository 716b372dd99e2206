"""Cash and bank transfers: nobody plays their customer, since only staff see what came (`tests/payments/test_confirming.py`)."""

from typing import NoReturn

from providers.played import Played
from vezne.kernel.settings import Settings
from vezne.payments.providers import PROVIDERS
from vezne.payments.providers.base import Provider, StartRequest
from vezne.payments.providers.offline import Offline


class Counter(Played):
    """Cash."""

    name = "cash"
    capabilities = Offline.capabilities
    needs_credentials = False
    is_remote = False

    def made(self) -> Provider:
        """It needs no settings."""
        provider = PROVIDERS[self.name](Settings(_env_file=None))
        assert provider is not None
        return provider

    def away(self) -> Provider | None:
        """Nobody is spoken to."""
        return None

    async def pay(self, request: StartRequest, ref: str) -> NoReturn:
        """No part of the suite that pays runs here."""
        raise NotImplementedError

    async def decline(self, request: StartRequest, ref: str) -> NoReturn:
        """As above."""
        raise NotImplementedError

    async def pay_later(self, request: StartRequest, ref: str) -> NoReturn:
        """As above."""
        raise NotImplementedError


class Bank(Counter):
    """Bank transfers."""

    name = "bank_transfer"


PLAYED = (Counter, Bank)
