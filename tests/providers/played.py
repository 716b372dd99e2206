"""Who plays a provider's customer in the contract suite: a file `played_<name>.py` for each, whose `PLAYED` lists its classes.

A provider that can run in more than one mode is played once in each.
"""

import asyncio
import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from desk_fixtures import RETURN_URL, Sandbox
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.payments.providers.base import (
    Capabilities,
    ChargeRequest,
    Charging,
    Provider,
    ProviderRefund,
    RefundGrade,
    RefundRequest,
    SeenMethod,
    StartRequest,
)


class Played(ABC):
    """A provider, and who plays its customer."""

    name: ClassVar[str]
    """What it is called in PROVIDERS."""
    capabilities: ClassVar[Capabilities]
    currency: ClassVar[str] = "TRY"
    told_at_start: ClassVar[bool] = True
    """Whether `start` tells the provider; one that is entered by a form learns of a payment from the customer's browser."""
    needs_credentials: ClassVar[bool] = True
    """Whether it is there only when its credentials are set."""
    is_remote: ClassVar[bool] = True
    """Whether it can be away: it answers from somewhere else."""
    livemode: ClassVar[bool] = False
    settings: ClassVar[Mapping[str, object]] = {}
    """Of the tenant whose money it takes."""
    unknown: ClassVar[tuple[str, ...]] = ("../faults", "", "a b", "x?y=1", "é")
    """Names of payments that it refuses."""

    def __init__(self, sandbox: Sandbox, db: Database | None = None, tenant_id: int = 7) -> None:
        self.sandbox = sandbox
        self.db = db
        self.tenant_id = tenant_id
        self.provider = self.made()

    @abstractmethod
    def made(self) -> Provider:
        """The provider, as PROVIDERS makes it from the settings."""

    @abstractmethod
    def away(self) -> Provider | None:
        """The same provider when nobody answers there; None for one that is always here."""

    @abstractmethod
    async def pay(self, request: StartRequest, ref: str) -> None:
        """The customer pays a payment that was started. Of one with `manual_capture` the money is only promised."""

    @abstractmethod
    async def decline(self, request: StartRequest, ref: str) -> str:
        """The customer's card is declined; the failure code that we are to see."""

    @abstractmethod
    async def pay_later(self, request: StartRequest, ref: str) -> None:
        """The customer pays in a way whose outcome is not known at once."""

    async def declining(self) -> tuple[SeenMethod, str]:
        """A stored method whose charges are declined, and the failure code that we are to see."""
        raise NotImplementedError(f"{self.name} keeps no methods")

    async def asking(self) -> SeenMethod:
        """A stored method whose charges need the customer, who is away."""
        raise NotImplementedError(f"{self.name} keeps no methods")

    async def stored(self) -> SeenMethod:
        """A method that was kept of a payment."""
        request, ref = await self.started(save_method=True, customer_reference=public_id("cus", uuid4()))
        await self.pay(request, ref)
        method = (await self.provider.fetch(ref)).method
        assert method is not None
        return method

    def charging(self) -> Charging:
        """The provider, as one that charges stored methods."""
        assert isinstance(self.provider, Charging)
        return self.provider

    def charge_of(self, method: SeenMethod, **changes: object) -> ChargeRequest:
        """Another charge to be asked for."""
        facts: dict[str, Any] = {
            "reference": public_id("att", uuid4()),
            "amount": self.amount,
            "method_ref": method.method_ref,
            "customer_ref": method.customer_ref,
            "webhook_url": "http://127.0.0.1:9/hook",
            "tenant_id": self.tenant_id,
            **changes,
        }
        return ChargeRequest(**facts)

    @property
    def amount(self) -> Money:
        """What is paid."""
        return Money(10_000, self.currency)

    def part(self, minor: int) -> Money:
        """An amount in the provider's currency."""
        return Money(minor, self.currency)

    def request(self, **changes: object) -> StartRequest:
        """Another payment to be made."""
        facts: dict[str, Any] = {
            "reference": public_id("att", uuid4()),
            "amount": self.amount,
            "return_url": RETURN_URL,
            "webhook_url": "http://127.0.0.1:9/hook",
            "form_url": "http://127.0.0.1:9/pay/form",
            "tenant_id": self.tenant_id,
            **changes,
        }
        return StartRequest(**facts)

    async def started(self, **changes: object) -> tuple[StartRequest, str]:
        """A payment that was started, and the provider's name for it."""
        request = self.request(**changes)
        return request, (await self.provider.start(request)).provider_ref

    async def captured(self) -> str:
        """A payment that was paid."""
        request, ref = await self.started()
        await self.pay(request, ref)
        return ref

    def refund(self, ref: str, minor: int) -> RefundRequest:
        """Another refund to be asked for."""
        return RefundRequest(reference=public_id("ref", uuid4()), provider_ref=ref, amount=self.part(minor))

    async def ended(self, refund: ProviderRefund) -> ProviderRefund:
        """The refund once it has come to its end."""
        async with asyncio.timeout(10):
            while refund.grade is RefundGrade.PENDING:
                await asyncio.sleep(0.02)
                refund = await self.provider.fetch_refund(refund.refund_ref)
        return refund


def everybody() -> Mapping[str, type[Played]]:
    """The classes of all `played_*.py` beside this file, by their own names."""
    files = sorted(Path(__file__).parent.glob("played_*.py"))
    classes = [one for file in files for one in importlib.import_module(f"providers.{file.stem}").PLAYED]
    return {one.__name__: one for one in classes}
