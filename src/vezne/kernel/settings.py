"""Settings: everything that a deployment may choose, from the environment or a `.env` file beside it."""

from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, PlainSerializer, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Origin = Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]
Secret = Annotated[SecretStr, PlainSerializer(lambda _: "[secret]", return_type=str)]


def _named(*names: str) -> AliasChoices:
    return AliasChoices(*names)


class Settings(BaseSettings):
    """What a deployment may choose. Every field can stand in the environment under the name given with it."""

    model_config = SettingsConfigDict(env_prefix="VEZNE_", env_file=".env", extra="ignore", populate_by_name=True)

    data_dir: Path = Field(Path("var"), description="where the embedded PostgreSQL, the sandbox and generated secrets live")
    database_url: Secret | None = Field(
        None,
        validation_alias=_named("DATABASE_URL", "VEZNE_DATABASE_URL"),
        description="a PostgreSQL (15 or newer) of your own, as its owner; without it the embedded one is used",
    )
    host: str = Field("127.0.0.1", description="the address the service listens on")
    port: int = Field(
        8480,
        ge=0,
        le=65535,
        validation_alias=_named("PAYMENT_SERVICE_PORT", "VEZNE_PORT"),
        description="the port the service listens on",
    )
    public_url: Origin | None = Field(None, description="how customers and providers reach the service; default: host and port")
    processes: int = Field(0, ge=0, le=64, description="how many processes serve HTTP; 0: one a core")
    pool_size: int = Field(10, ge=2, le=200, description="database connections of each process at most")
    payment_session_ttl_minutes: int = Field(
        30,
        ge=1,
        le=7 * 24 * 60,
        validation_alias=_named("PAYMENT_SESSION_TTL_MINUTES", "VEZNE_PAYMENT_SESSION_TTL_MINUTES"),
        description="how long a checkout session may be paid, in minutes",
    )
    requests_per_minute: int = Field(60_000, ge=1, description="requests one API key may make a minute, in each process")
    max_transaction_amount: int | None = Field(
        None,
        ge=1,
        validation_alias=_named("MAX_TRANSACTION_AMOUNT", "VEZNE_MAX_TRANSACTION_AMOUNT"),
        description="the largest single debit or transfer of a wallet, in minor units; tenants and wallets may set lower ones",
    )
    max_daily_transactions: int | None = Field(
        None,
        ge=1,
        validation_alias=_named("MAX_DAILY_TRANSACTIONS", "VEZNE_MAX_DAILY_TRANSACTIONS"),
        description="how many debits and transfers a wallet may make in a day of the tenant's time zone",
    )
    coin_reward_course_completion: int = Field(
        100,
        ge=0,
        validation_alias=_named("COIN_REWARD_COURSE_COMPLETION", "VEZNE_COIN_REWARD_COURSE_COMPLETION"),
        description="coins for a completed course where the tenant has no rule of its own",
    )
    coin_reward_referral: int = Field(
        50,
        ge=0,
        validation_alias=_named("COIN_REWARD_REFERRAL", "VEZNE_COIN_REWARD_REFERRAL"),
        description="coins for a referral where the tenant has no rule of its own",
    )
    default_credit_price: str | None = Field(
        None,
        pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?( [A-Z]{3})?$",
        validation_alias=_named("DEFAULT_CREDIT_PRICE", "VEZNE_DEFAULT_CREDIT_PRICE"),
        description="what one credit costs where its pack has no price of its own: 1.00, or 1.00 USD (USD unless told)",
    )
    credit_expiry_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        validation_alias=_named("CREDIT_EXPIRY_DAYS", "VEZNE_CREDIT_EXPIRY_DAYS"),
        description="how long credits live when neither their grant nor the tenant says; unset: for ever",
    )
    min_credit_purchase: int = Field(
        1,
        ge=1,
        validation_alias=_named("MIN_CREDIT_PURCHASE", "VEZNE_MIN_CREDIT_PURCHASE"),
        description="the fewest credits bought at once, where the tenant does not say",
    )
    max_credit_balance: int | None = Field(
        None,
        ge=1,
        validation_alias=_named("MAX_CREDIT_BALANCE", "VEZNE_MAX_CREDIT_BALANCE"),
        description="the most credits a wallet may hold, where the tenant does not say; unset: no limit",
    )
    stripe_secret_key: Secret | None = Field(
        None,
        validation_alias=_named("STRIPE_SECRET_KEY", "VEZNE_STRIPE_SECRET_KEY"),
        description="secret or restricted key at Stripe; default: made at first start, for the sandbox",
    )
    stripe_publishable_key: str | None = Field(
        None,
        validation_alias=_named("STRIPE_PUBLISHABLE_KEY", "VEZNE_STRIPE_PUBLISHABLE_KEY"),
        description="publishable key at Stripe, shown to browsers",
    )
    stripe_webhook_secret: Secret | None = Field(
        None,
        validation_alias=_named("STRIPE_WEBHOOK_SECRET", "VEZNE_STRIPE_WEBHOOK_SECRET"),
        description="secrets (whsec_…, several by comma) that sign Stripe's webhooks; default: the sandbox's",
    )
    stripe_api_version: str | None = Field(
        None,
        validation_alias=_named("STRIPE_API_VERSION", "VEZNE_STRIPE_API_VERSION"),
        description="read and not followed: the official library speaks the version it was made for",
    )
    stripe_base_url: Origin | None = Field(
        None, description="where Stripe's API answers; default: the sandbox; live: https://api.stripe.com"
    )
    smtp_url: Secret | None = Field(
        None,
        description="the mail server, smtp://user:password@host:587 or smtps://…; without it mail is kept in the data folder",
    )
    mail_from: str = Field(
        "Vezne <vezne@localhost>", max_length=200, description="the sender of mail, where the tenant names none"
    )
    sandbox_port: int = Field(8481, ge=0, le=65535, description="the loopback port of the sandbox, which plays the providers")
    simulated_base_url: Origin | None = Field(None, description="where the simulated provider answers; default: the sandbox")
    simulated_api_key: Secret | None = Field(None, description="API key at the simulated provider; default: made at first start")
    simulated_webhook_secret: Secret | None = Field(
        None, description="secret (whsec_…) that signs the simulated provider's webhooks; default: made at first start"
    )
    seal_key: Secret | None = Field(
        None, description="signs the ledger's seals, and is kept outside the database; default: made at first start"
    )
    master_key: Secret | None = Field(
        None,
        description="encrypts sensitive data at rest, signs tickets, quotes and short tokens; default: made at first start",
    )
    former_master_keys: Secret | None = Field(
        None, description="earlier master keys, comma-separated: what they encrypted and signed is still read"
    )
    payu_merchant_key: Secret | None = Field(
        None, validation_alias=_named("PAYU_MERCHANT_KEY", "VEZNE_PAYU_MERCHANT_KEY"), description="merchant key at PayU India"
    )
    payu_merchant_salt: Secret | None = Field(
        None, validation_alias=_named("PAYU_MERCHANT_SALT", "VEZNE_PAYU_MERCHANT_SALT"), description="merchant salt at PayU India"
    )
    payu_payment_url: Origin | None = Field(
        None,
        description="where PayU's payment page is; default: the sandbox; test https://test.payu.in, live https://secure.payu.in",
    )
    payu_api_url: Origin | None = Field(
        None,
        description="where PayU's command API is; default: the sandbox; test https://test.payu.in, live https://info.payu.in",
    )
    magic_pay_api_key: Secret | None = Field(
        None, validation_alias=_named("MAGIC_PAY_API_KEY", "VEZNE_MAGIC_PAY_API_KEY"), description="API key at MagicPay"
    )
    magic_pay_secret: Secret | None = Field(
        None,
        validation_alias=_named("MAGIC_PAY_SECRET", "VEZNE_MAGIC_PAY_SECRET"),
        description="signs our requests to MagicPay",
    )
    magic_pay_webhook_secret: Secret | None = Field(
        None,
        validation_alias=_named("MAGIC_PAY_WEBHOOK_SECRET", "VEZNE_MAGIC_PAY_WEBHOOK_SECRET"),
        description="secret (whsec_…) that signs MagicPay's webhooks",
    )
    magic_pay_base_url: Origin | None = Field(None, description="where MagicPay answers in mode live; default: the sandbox")
    widget_hcaptcha_enabled: bool = Field(
        False,
        validation_alias=_named("WIDGET_HCAPTCHA_ENABLED", "VEZNE_WIDGET_HCAPTCHA_ENABLED"),
        description="whether every tenant's widget asks for hCaptcha, whatever its own setting",
    )
    hcaptcha_secret: Secret | None = Field(
        None, validation_alias=_named("HCAPTCHA_SECRET", "VEZNE_HCAPTCHA_SECRET"), description="secret key at hCaptcha"
    )
    hcaptcha_site_key: str | None = Field(None, description="site key at hCaptcha, shown to browsers")
    hcaptcha_url: Origin = Field("https://api.hcaptcha.com", description="where hCaptcha answers")
    metrics_token: Secret | None = Field(
        None, description="bearer token that may read /metrics; without it, only callers on this machine may"
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="how much is logged")
    log_json: bool = Field(False, description="logs as JSON lines rather than for people")
