"""Money that no provider tells of: cash over the counter, a bank transfer. Staff see it come, and confirm it.

Nothing is kept here: what an attempt or a refund is called carries its amount and a short code, which the customer writes
with a transfer. The same reference always gives the same code.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Self

from vezne.kernel.errors import Refusal
from vezne.kernel.money import Money
from vezne.kernel.settings import Settings
from vezne.payments.providers.base import (
    Capabilities,
    FormPost,
    Grade,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    RefundGrade,
    RefundRequest,
    SignatureInvalid,
    Started,
    StartRequest,
    WebhookNotice,
)

CODE_LENGTH = 10
"""Of 32 letters: 50 bits, so that no two attempts of a tenant share a code."""
_LETTERS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz")
_REF = re.compile(r"([a-z_]{2,20})_(payment|refund)_([0-9]{1,16})([a-z][a-z0-9_]{2,11})_([0-9a-hjkmnp-tv-z]{10})", re.ASCII)


def code_of(provider_ref: str) -> str:
    """What the customer writes with a transfer, in two groups that are easily read out: `7K3M9-QXT2A`."""
    code = provider_ref[-CODE_LENGTH:].upper()
    return f"{code[: CODE_LENGTH // 2]}-{code[CODE_LENGTH // 2 :]}"


class Offline:
    """A provider that only people can speak for. Each is a subclass with a name of its own."""

    name: str
    capabilities = Capabilities(partial_refund=True, manual_capture=False, cancel=True, offline=True)
    page_origins: tuple[str, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:  # noqa: ARG003 - how every provider is made
        """It needs no credentials, so it is always there; a tenant offers it or not."""
        return cls()

    async def start(self, request: StartRequest) -> Started:
        """Send the customer to our page that says what to do. The same `reference` again: the same page."""
        return Started(
            provider_ref=self._ref("payment", request.amount, request.reference),
            redirect_url=f"{request.form_url}/instructions",
        )

    def form(self, request: StartRequest) -> FormPost | None:  # noqa: ARG002 - the Protocol's signature
        """None: its page is entered by its address."""
        return None

    async def find(self, reference: str, *, tenant_id: int = 0) -> ProviderPayment | None:  # noqa: ARG002 - as above
        """None: nobody can be asked."""
        return None

    async def fetch(self, provider_ref: str) -> ProviderPayment:
        """Still waited for, as far as can be known here."""
        return self._payment(provider_ref, Grade.PENDING)

    async def capture(self, provider_ref: str, amount: Money) -> ProviderPayment:  # noqa: ARG002 - the Protocol's signature
        """Nothing can be taken: staff confirm what came."""
        return self._payment(provider_ref, Grade.PENDING)

    async def cancel(self, provider_ref: str) -> ProviderPayment:
        """Wait for the money no longer."""
        return self._payment(provider_ref, Grade.CANCELLED)

    async def refund(self, request: RefundRequest) -> ProviderRefund:
        """Pending until staff confirm that they paid it out. The same `reference` again: the same refund."""
        self._amount("payment", request.provider_ref)
        return self._pending(self._ref("refund", request.amount, request.reference), request.amount)

    async def fetch_refund(self, refund_ref: str) -> ProviderRefund:
        """Still to be paid out, as far as can be known here."""
        return self._pending(refund_ref, self._amount("refund", refund_ref))

    def read_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> WebhookNotice:  # noqa: ARG002 - as above
        """Raises SignatureInvalid: nobody sends any."""
        raise SignatureInvalid(reason=f"{self.name} sends no webhooks")

    async def aclose(self) -> None:
        """Nothing is open."""

    def _ref(self, noun: str, amount: Money, reference: str) -> str:
        digest = base64.b32encode(hashlib.sha256(f"{self.name}:{reference}".encode()).digest())
        code = digest[:CODE_LENGTH].translate(_LETTERS).decode()
        return f"{self.name}_{noun}_{amount.minor}{amount.currency.lower()}_{code}"

    def _amount(self, noun: str, ref: str) -> Money:
        match = _REF.fullmatch(ref)
        if match is None or (match[1], match[2]) != (self.name, noun):
            raise ProviderRefused(provider=self.name, failure_code="malformed_id")
        try:
            return Money(int(match[3]), match[4].upper())
        except Refusal:
            raise ProviderRefused(provider=self.name, failure_code="malformed_id") from None

    def _payment(self, ref: str, grade: Grade) -> ProviderPayment:
        amount = self._amount("payment", ref)
        nothing = Money(0, amount.currency)
        return ProviderPayment(provider_ref=ref, reference=None, grade=grade, amount=amount, captured=nothing, refunded=nothing)

    @staticmethod
    def _pending(ref: str, amount: Money) -> ProviderRefund:
        return ProviderRefund(refund_ref=ref, grade=RefundGrade.PENDING, amount=amount)
