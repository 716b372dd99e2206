"""Structured logs without secrets, and metrics."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping

import structlog
from prometheus_client import Counter, Histogram

REQUEST_SECONDS = Histogram(
    "vezne_http_request_seconds",
    "How long requests took, by route and status.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
JOBS_DONE = Counter(
    "vezne_jobs_total", "Jobs and sweeps by name and outcome: done, failed (to be tried again), parked.", ["name", "outcome"]
)
JOB_SECONDS = Histogram(
    "vezne_job_seconds", "How long jobs took that were done.", ["name"], buckets=(0.005, 0.01, 0.025, 0.1, 0.5, 1, 5, 30, 120)
)
MAILS = Counter("vezne_mails_total", "Mail by outcome: sent, kept (as a file), put_off (to be tried again), failed.", ["outcome"])
ALERTS = Counter("vezne_alerts_total", "Alerts about customers whose activity is unusual, by rule.", ["rule"])
COINS_ISSUED = Counter("vezne_coins_issued_total", "Coins given to customers, by what they were given for.", ["reason"])

_SECRET_NAMES = re.compile(r"secret|token|password|authorization|cookie|api_key|signature|card|cvc|cvv", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"\b(?:\w+_)?(?:sk|pk|rk)_(?:test|live)_\w+|whsec_[0-9A-Za-z+/=_-]+|sim_sk_\w+|(?<=_secret_)[0-9A-Za-z_-]+"
    r"|\b(?i:bearer)\s+[^\s'\",]+|\bBasic\s+[0-9A-Za-z+/]{8,}=*|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)|(?<!\d)\d(?:[ .-]{0,3}\d){12,}"
)
_PLAIN = (bool, int, float, type(None))
_STRUCTLOGS_OWN = {"_record", "_from_structlog"}
_DEEPEST = 8


def redact(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """A structlog processor: values of secret-sounding names, and secret-looking text anywhere, become `[redacted]`."""
    for name, value in event.items():
        event[name] = _redacted(name, value, _DEEPEST)
    return event


def _redacted(name: str, value: object, depth: int) -> object:
    if name in _STRUCTLOGS_OWN:
        return value
    if _SECRET_NAMES.search(name):
        return "[redacted]"
    if isinstance(value, _PLAIN):
        return "[redacted]" if _SECRET_TEXT.fullmatch(str(value)) else value
    if depth and isinstance(value, Mapping):
        return {_SECRET_TEXT.sub("[redacted]", str(key)): _redacted(str(key), item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_redacted("", item, depth - 1) for item in value]
    return _SECRET_TEXT.sub("[redacted]", str(value))


def configure_logs(*, level: str = "INFO", as_json: bool = True) -> None:
    """Send all logs, our own and the libraries', through one redacting pipeline to standard error."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("alembic", "httpx2", "httpcore2", "uvicorn", "pgqueuer", "stripe"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
