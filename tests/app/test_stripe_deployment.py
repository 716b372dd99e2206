"""Stripe in a deployment: the sandbox's from the first start, and Stripe itself as soon as its address is set."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from vezne.app.deployment import open_deployment, plays_stripe
from vezne.app.processes import sandbox_stripe
from vezne.kernel.settings import Settings
from vezne.sandbox import SandboxSettings

pytestmark = pytest.mark.unit
COMMON = {"api_key": "sim_sk_test_0123456789", "webhook_secret": "whsec_c2FuZGJveC13ZWJob29rLXNlY3JldA=="}


def test_stripe_s_credentials_are_made_once_and_agreed_with_the_sandbox(tmp_path: Path) -> None:
    """CM6: the documented variables STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET, made where nobody set them."""
    first, again = (open_deployment(Settings(data_dir=tmp_path, _env_file=None), "").settings for _ in range(2))
    assert first.stripe_secret_key == again.stripe_secret_key is not None
    assert first.stripe_webhook_secret == again.stripe_webhook_secret is not None
    known = sandbox_stripe(first)
    assert known["stripe_webhook_url"] == "http://127.0.0.1:8480/payment/webhooks/stripe"
    settings = SandboxSettings.model_validate({"database": tmp_path / "s.sqlite", **COMMON, **known})
    assert settings.stripe_secret_key == known["stripe_secret_key"]
    assert settings.stripe_webhook_secret == known["stripe_webhook_secret"]


def test_with_stripe_s_address_only_what_is_set_is_stripe_s(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, stripe_base_url="https://api.stripe.com", _env_file=None)
    complete = open_deployment(settings, "").settings
    assert (complete.stripe_secret_key, complete.stripe_webhook_secret) == (None, None)
    real = settings.model_copy(
        update={"stripe_secret_key": SecretStr("sk"), "stripe_webhook_secret": SecretStr("whsec_1,whsec_2")}
    )
    complete = open_deployment(real, "").settings
    assert complete.stripe_webhook_secret is not None
    assert complete.stripe_webhook_secret.get_secret_value() == "whsec_1,whsec_2"
    assert (plays_stripe(complete), sandbox_stripe(complete)) == (False, {})


def test_the_sandbox_signs_with_the_first_of_several_secrets(tmp_path: Path) -> None:
    several = Settings(data_dir=tmp_path, stripe_webhook_secret=SecretStr("whsec_newNewNew, whsec_oldOldOld"), _env_file=None)
    assert sandbox_stripe(open_deployment(several, "").settings)["stripe_webhook_secret"] == "whsec_newNewNew"


def test_stripe_tells_nothing_to_a_service_that_is_not_on_loopback(tmp_path: Path) -> None:
    complete = open_deployment(Settings(data_dir=tmp_path, host="192.0.2.7", _env_file=None), "").settings
    assert "stripe_webhook_url" not in sandbox_stripe(complete)
