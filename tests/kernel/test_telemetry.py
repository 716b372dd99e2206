"""Logs never hold a secret, whoever writes it, wherever it stands."""

import contextlib
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest
import structlog

from vezne.kernel.telemetry import configure_logs, redact

pytestmark = pytest.mark.unit

SECRETS = [
    "vz_sk_test_ae_Zb0sYvJ9eTqLk4vWcX2hRuPmN8aGdFiB6oQt1yE7xKs",
    "vz_rk_live_ae_Zb0sYvJ9eTqLk4vWcX2hRuPmN8aGdFiB6oQt1yE7xKs",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "sim_sk_test_0123456789abcdef",
    "sk_live_0123456789abcdef",
    "Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc",
    "bearer eyJhbGciOiJIUzI1NiJ9.e30.abc",
    "Basic dmV6bmU6aHVudGVyMg==",
    "4242424242424242",
    "4242 4242 4242 4242",
    "4242-4242-4242-4242",
    "3782.822463.10005",
]


@contextlib.contextmanager
def configured(*, as_json: bool) -> Iterator[io.StringIO]:
    """Logs as a process of the service has them; pytest's own handlers stand aside, or they would be closed."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    written = io.StringIO()
    with contextlib.redirect_stderr(written):
        configure_logs(level="INFO", as_json=as_json)
    try:
        yield written
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture(params=[True, False], ids=["json", "for people"])
def logged(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    with configured(as_json=request.param) as written:
        yield written.getvalue


def heart(secret: str) -> str:
    """What must not be seen of it."""
    return secret.rpartition(" ")[2][-12:]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_in_any_place_of_a_log_line_is_not_written(logged: Callable[[], str], secret: str) -> None:
    log = structlog.get_logger("vezne.test")
    log.info("it said %s", secret)
    log.info("a_value", note=f"x {secret}")
    log.info("a_list", notes=["a", {"deep": (f"<{secret}>",)}])
    log.info("an_object", what=ValueError(secret))
    log.info("bytes", raw=secret.encode())
    logging.getLogger("some.library").warning("it said %s", secret)
    logging.getLogger("some.library").warning("extra", extra={"note": secret, "nested": {"note": [secret]}})
    bug = RuntimeError(f"refused {secret}")
    log.error("bug", exc_info=bug)
    logging.getLogger("some.library").error("bug", exc_info=bug)
    written = logged()
    assert written.count("[redacted]") >= 9
    assert heart(secret) not in written
    assert secret not in written


@pytest.mark.parametrize(
    "name",
    ["password", "api_key", "client_secret", "Authorization", "Set-Cookie", "webhook_signature", "card", "cvc", "access_token"],
)
def test_the_value_of_a_secret_sounding_name_is_not_written(logged: Callable[[], str], name: str) -> None:
    log = structlog.get_logger("vezne.test")
    log.info("at_the_top", **{name: "hunter2"})
    log.info("deeper", headers={"ok": 1, name: ["hunter2"]}, rows=[{name: b"hunter2"}])
    logging.getLogger("some.library").warning("extra", extra={name: "hunter2"})
    assert "hunter2" not in logged()


def test_the_password_of_an_address_is_not_written(logged: Callable[[], str]) -> None:
    structlog.get_logger().info("connecting", to="postgresql://vezne:hunter2@db:5432/vezne")
    written = logged()
    assert "hunter2" not in written
    assert "db:5432" in written


def test_a_card_number_as_a_number_is_not_written(logged: Callable[[], str]) -> None:
    structlog.get_logger().info("odd", number=4242424242424242, numbers=[4242424242424242])
    assert "4242" not in logged()


def test_what_is_no_secret_stays_readable(logged: Callable[[], str]) -> None:
    structlog.get_logger().info(
        "paid", wallet="wal_01h455vb4pex5vsknk084sn02q", amount_minor=10_000, ok=True, none=None, ratio=0.5
    )
    written = logged()
    for part in ("paid", "wal_01h455vb4pex5vsknk084sn02q", "10000", "0.5"):
        assert part in written


def test_json_logs_are_one_object_a_line() -> None:
    with configured(as_json=True) as written:
        structlog.get_logger().info("one", request_id="req_12345678")
        logging.getLogger("some.library").warning("two\nlines")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["one", "two\nlines"]
    assert lines[0]["request_id"] == "req_12345678"
    assert all({"level", "timestamp"} <= line.keys() for line in lines)


def test_a_value_within_itself_is_cut_off() -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless
    assert sys.getsizeof(str(redact(None, "", {"value": endless}))) < 10_000
