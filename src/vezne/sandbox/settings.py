"""What the sandbox is told when it starts."""

import base64
import binascii
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from vezne.sandbox.loopback import is_loopback, loopback_url

LIVE_MARK = "_live_"
_SHORTEST_SECRET = 16

Wait = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=30))]


def _test_key(text: str) -> str:
    if LIVE_MARK in text:
        raise ValueError("looks like a live key; the sandbox takes test keys only")
    return text


def _loopback_host(host: str) -> str:
    if not is_loopback(host):
        raise ValueError("the sandbox listens on loopback only (127.0.0.0/8, ::1 or localhost)")
    return host


def _webhook_secret(text: str) -> str:
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith("whsec_") or len(key) < _SHORTEST_SECRET:
        raise ValueError(f"must be 'whsec_' and the base64 of at least {_SHORTEST_SECRET} bytes")
    return _test_key(text)


MagicPaySecret = Annotated[str, Field(pattern=r"^[!-~]{1,200}$"), AfterValidator(_test_key)]


StripeKey = Annotated[str, Field(pattern=r"^(sk|rk)_test_[!-~]{8,200}$"), AfterValidator(_test_key)]
StripeSecret = Annotated[str, Field(pattern=r"^whsec_[!-~]{8,200}$"), AfterValidator(_test_key)]
PayuText = Annotated[str, Field(pattern=r"^[!-{}~]{4,2048}$"), AfterValidator(_test_key)]


class SandboxSettings(BaseModel):
    """Settings of the simulated provider. Durations are `timedelta` (or seconds); every one is kept to the microsecond."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database: Path = Field(description="The SQLite file that holds everything the simulated provider knows. Made when missing.")
    api_key: Annotated[str, Field(pattern=r"^sim_sk_[!-~]{8,120}$"), AfterValidator(_test_key)] = Field(
        repr=False, description="The merchant's secret API key, `sim_sk_test_…`. A key containing `_live_` is refused."
    )
    webhook_secret: Annotated[str, AfterValidator(_webhook_secret)] = Field(
        repr=False,
        description="The merchant's webhook secret, `whsec_` and base64, which signs every webhook (Standard Webhooks).",
    )
    magic_pay_api_key: MagicPaySecret | None = Field(
        default=None, repr=False, description="The merchant's API key at MagicPay; without it MagicPay is not played."
    )
    magic_pay_secret: MagicPaySecret | None = Field(
        default=None, repr=False, description="The merchant's secret at MagicPay, which signs every request to it."
    )
    magic_pay_webhook_secret: MagicPaySecret | None = Field(
        default=None, repr=False, description="The merchant's webhook secret at MagicPay: `whsec_` and base64, or any text."
    )
    payu_merchant_key: PayuText = Field(default="SANDBOX", repr=False, description="The merchant's key at PayU.")
    payu_merchant_salt: PayuText = Field(
        default="ofTheSandboxOnLoopbackAndNobodyElse", repr=False, description="The merchant's salt at PayU."
    )
    payu_webhook_url: Annotated[str, AfterValidator(loopback_url)] | None = Field(
        default=None, description="Where PayU tells the merchant, as it would be set on PayU's dashboard; None: nowhere."
    )
    stripe_secret_key: StripeKey = Field(
        default="sk_test_ofTheSandboxOnLoopbackAndNobodyElse", repr=False, description="The merchant's secret key at Stripe."
    )
    stripe_webhook_secret: StripeSecret = Field(
        default="whsec_ofTheSandboxOnLoopbackAndNobodyElse",
        repr=False,
        description="What signs Stripe's webhooks to `stripe_webhook_url`: `whsec_…`.",
    )
    stripe_webhook_url: Annotated[str, AfterValidator(loopback_url)] | None = Field(
        default=None, description="Where Stripe tells the merchant, as it would be set on Stripe's dashboard; None: nowhere."
    )
    stripe_search_delay: Wait = Field(
        default=timedelta(0), description="How long Stripe's search does not find what has just been made or changed."
    )
    stripe_seed: str | None = Field(
        default=None, description="What Stripe's ids are made from; the same gives the same ids. None: chance, once a file."
    )
    host: Annotated[str, AfterValidator(_loopback_host)] = Field(
        default="127.0.0.1", description="The address to listen on; loopback only."
    )
    port: int = Field(default=0, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    public_url: Annotated[str, AfterValidator(loopback_url)] | None = Field(
        default=None, description="Where the hosted pages are reached, when not at the address the API is called at."
    )
    retry_delays: tuple[Wait, ...] = Field(
        default=tuple(timedelta(seconds=s) for s in (1, 3, 10, 30, 120, 600, 3600, 21600, 86400)),
        description="The waits between the tries of a webhook; it is given up when they are used up.",
    )
    webhook_timeout: Wait = Field(
        default=timedelta(seconds=5), description="How long the receiver of a webhook may take to answer."
    )
    concurrent_deliveries: int = Field(default=8, ge=1, le=256, description="How many webhooks may be under way at once.")
    payment_lasts: Wait = Field(
        default=timedelta(minutes=30), description="How long a customer may take to pay; an abandoned payment then expires."
    )
    authorisation_lasts: Wait = Field(
        default=timedelta(days=7), description="How long an authorised payment may wait for its capture; it then expires."
    )
    delayed_success: Wait = Field(
        default=timedelta(seconds=5), description="How long the card of delayed success stays `processing` before it succeeds."
    )
    refund_delay: Wait = Field(
        default=timedelta(0), description="How long a refund stays `pending`; with 0 it succeeds before its request is answered."
    )

    @model_validator(mode="after")
    def _magic_pay_whole(self) -> Self:
        given = [self.magic_pay_api_key, self.magic_pay_secret, self.magic_pay_webhook_secret]
        if any(given) and not all(given):
            raise ValueError("MagicPay needs its API key, its secret and its webhook secret, or none of them")
        return self
