"""The providers there are. A new one is a file beside this one and a line in PROVIDERS."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from vezne.kernel.settings import Settings
from vezne.payments.providers import bank_transfer, cash, magicpay, payu, simulated, stripe, stripe_amounts
from vezne.payments.providers.base import Provider

PROVIDERS: Mapping[str, Callable[[Settings], Provider | None]] = MappingProxyType(
    {
        bank_transfer.NAME: bank_transfer.BankTransfer.from_settings,
        cash.NAME: cash.Cash.from_settings,
        magicpay.NAME: magicpay.MagicPay.from_settings,
        payu.NAME: payu.PayuProvider.from_settings,
        simulated.NAME: simulated.SimulatedProvider.from_settings,
        stripe_amounts.NAME: stripe.StripeProvider.from_settings,
    }
)
"""How each provider is made from the settings; one whose credentials are not set is not there."""
