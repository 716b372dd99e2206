"""PayU India, played through the sandbox: its forms are posted as a browser would, its cards given over the machine API."""

from datetime import timedelta

from pydantic import SecretStr

from desk_fixtures import Sandbox
from providers.played import Played
from vezne.kernel.settings import Settings
from vezne.payments.providers import PROVIDERS
from vezne.payments.providers.base import Provider, StartRequest
from vezne.payments.providers.payu import PayuProvider
from vezne.sandbox import SandboxSettings

PAYU_KEY = SandboxSettings.model_fields["payu_merchant_key"].default
PAYU_SALT = SandboxSettings.model_fields["payu_merchant_salt"].default
GOOD, POOR, DELAYED = "5123456789012346", "4000000000009995", "4000000000000077"


async def bring(sandbox: Sandbox, provider: Provider, request: StartRequest) -> str:
    """A browser posts the form; the address of the page it comes to."""
    form = provider.form(request)
    assert form is not None
    answer = await sandbox.client.post(form.action, data=dict(form.fields))
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def act(sandbox: Sandbox, txnid: str, **what: str) -> dict[str, object]:
    """What happens on the page; what the browser would post back, and where."""
    answer = await sandbox.client.post(f"/payu/play/{txnid}", json=what)
    done: dict[str, object] = answer.raise_for_status().json()
    return done


class Payu(Played):
    """The browser brings the form, and the customer acts."""

    name = "payu"
    capabilities = PayuProvider.capabilities
    currency = "INR"
    told_at_start = False

    def made(self) -> Provider:
        """As the settings make it."""
        provider = PROVIDERS[self.name](
            Settings(
                payu_payment_url=self.sandbox.url,
                payu_api_url=self.sandbox.url,
                payu_merchant_key=SecretStr(PAYU_KEY),
                payu_merchant_salt=SecretStr(PAYU_SALT),
                _env_file=None,
            )
        )
        assert provider is not None
        return provider

    def away(self) -> Provider:
        """At a port where nobody listens."""
        return PayuProvider(
            payment_url=self.sandbox.url,
            api_url="http://127.0.0.1:9",
            merchant_key=PAYU_KEY,
            merchant_salt=PAYU_SALT,
            timeout=timedelta(milliseconds=100),
        )

    async def pay(self, request: StartRequest, ref: str) -> None:
        """With a good card."""
        await bring(self.sandbox, self.provider, request)
        await act(self.sandbox, ref, card=GOOD)

    async def decline(self, request: StartRequest, ref: str) -> str:
        """With a card of a poor customer."""
        await bring(self.sandbox, self.provider, request)
        await act(self.sandbox, ref, card=POOR)
        return "insufficient_funds"

    async def pay_later(self, request: StartRequest, ref: str) -> None:
        """With the card of delayed success."""
        await bring(self.sandbox, self.provider, request)
        await act(self.sandbox, ref, card=DELAYED)


PLAYED = (Payu,)
