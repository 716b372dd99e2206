"""Settings come from the environment, under names the README can rely on, and never show a secret."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from vezne.kernel.settings import Settings

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of a developer's
    for name in ("DATABASE_URL", "PAYMENT_SERVICE_PORT", "VEZNE_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_without_an_environment_it_is_a_working_service_on_loopback() -> None:
    settings = Settings()
    assert settings.database_url is None
    assert settings.host == "127.0.0.1"
    assert settings.port != settings.sandbox_port


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("PAYMENT_SERVICE_PORT", "9000", "port", 9000),
        ("VEZNE_PORT", "9001", "port", 9001),
        ("PAYMENT_SESSION_TTL_MINUTES", "5", "payment_session_ttl_minutes", 5),
        ("MAX_TRANSACTION_AMOUNT", "50000", "max_transaction_amount", 50_000),
        ("MAX_DAILY_TRANSACTIONS", "7", "max_daily_transactions", 7),
        ("COIN_REWARD_REFERRAL", "1", "coin_reward_referral", 1),
        ("COIN_REWARD_COURSE_COMPLETION", "2", "coin_reward_course_completion", 2),
        ("VEZNE_LOG_JSON", "true", "log_json", True),
        ("VEZNE_DATA_DIR", "/srv/vezne", "data_dir", Path("/srv/vezne")),
    ],
)
def test_a_setting_is_read_from_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, field: str, value: object
) -> None:
    monkeypatch.setenv(variable, text)
    assert getattr(Settings(), field) == value


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PAYMENT_SERVICE_PORT=9000\nSOMEONE_ELSES=1\nVEZNE_PROCESSES=3\n", encoding="utf-8")
    assert (Settings().port, Settings().processes) == (9000, 3)
    monkeypatch.setenv("VEZNE_PROCESSES", "4")
    assert Settings().processes == 4


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PAYMENT_SERVICE_PORT", "http"),
        ("PAYMENT_SERVICE_PORT", "70000"),
        ("PAYMENT_SESSION_TTL_MINUTES", "0"),
        ("MAX_TRANSACTION_AMOUNT", "-1"),
        ("VEZNE_PUBLIC_URL", "javascript:alert(1)"),
        ("VEZNE_PUBLIC_URL", "https://pay.example/with/path"),
        ("VEZNE_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_setting_that_makes_no_sense_stops_the_start(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ValidationError):
        Settings()


def test_no_secret_is_shown_by_repr_or_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://vezne:hunter2@db/vezne")
    monkeypatch.setenv("VEZNE_SIMULATED_WEBHOOK_SECRET", "whsec_hunter2")
    monkeypatch.setenv("VEZNE_METRICS_TOKEN", "hunter2")
    settings = Settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value().endswith("hunter2@db/vezne")
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "hunter2" not in shown


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())
