"""PayU in a deployment: the sandbox's from the first start, and somebody else's as soon as an address is set."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from vezne.app.deployment import open_deployment, plays_payu
from vezne.app.processes import sandbox_payu
from vezne.kernel.settings import Settings
from vezne.sandbox import SandboxSettings

pytestmark = pytest.mark.unit


def test_credentials_are_made_once_and_agreed_with_the_sandbox(tmp_path: Path) -> None:
    first, again = (open_deployment(Settings(data_dir=tmp_path, _env_file=None), "").settings for _ in range(2))
    assert first.payu_merchant_key == again.payu_merchant_key is not None
    assert first.payu_merchant_salt == again.payu_merchant_salt
    assert first.payu_merchant_salt is not None
    known = sandbox_payu(first)
    assert known["payu_merchant_salt"] == first.payu_merchant_salt.get_secret_value()
    assert known["payu_webhook_url"] == "http://127.0.0.1:8480/v1/payu/webhook"
    settings = SandboxSettings.model_validate(
        {
            "database": tmp_path / "s.sqlite",
            "api_key": "sim_sk_test_0123456789",
            "webhook_secret": "whsec_c2FuZGJveC13ZWJob29rLXNlY3JldA==",
            **known,
        }
    )
    assert settings.payu_merchant_key == known["payu_merchant_key"]


def test_with_an_address_of_its_own_only_what_is_set_is_payus(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, payu_payment_url="https://test.payu.in", _env_file=None)
    complete = open_deployment(settings, "").settings
    assert (complete.payu_merchant_key, complete.payu_merchant_salt) == (None, None)
    real = settings.model_copy(update={"payu_merchant_key": SecretStr("key"), "payu_merchant_salt": SecretStr("salt")})
    complete = open_deployment(real, "").settings
    assert complete.payu_merchant_salt is not None
    assert complete.payu_merchant_salt.get_secret_value() == "salt"
    assert (plays_payu(complete), sandbox_payu(complete)) == (False, {})


def test_a_service_that_does_not_listen_on_loopback_is_told_nothing(tmp_path: Path) -> None:
    complete = open_deployment(Settings(data_dir=tmp_path, host="192.0.2.7", _env_file=None), "").settings
    assert "payu_webhook_url" not in sandbox_payu(complete)
