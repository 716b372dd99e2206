"""One deployment on this machine: its data folder, what is secret in it, and where its database is."""

import base64
import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from vezne.kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """The test tenant of the first start, with a secret key to begin with. Kept in the data folder for its owner only."""

    tenant: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a running `vezne run` answers; written when it is ready, removed when it stops."""

    url: str
    sandbox_url: str
    pid: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """Settings with nothing left open, and the database's address as its owner."""

    settings: Settings
    dsn: str

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.settings.data_dir

    @property
    def embedded(self) -> bool:
        """Whether the database is our own child."""
        return self.settings.database_url is None

    @property
    def metrics_folder(self) -> Path:
        """Where the processes of one start leave their counters for /metrics."""
        return self.folder / "metrics"

    @property
    def sandbox_file(self) -> Path:
        """What the sandbox knows, which is another company's and so not in our database."""
        return self.folder / "sandbox.sqlite"

    def demo_tenant(self) -> DemoTenant | None:
        """The tenant of the first start; None before it, or when it was made elsewhere."""
        found = _read(self.folder / "demo-tenant.json")
        return None if found is None else DemoTenant(**found)

    def keep_demo_tenant(self, tenant: DemoTenant) -> None:
        """Remember the first start's tenant."""
        _write_private(self.folder / "demo-tenant.json", asdict(tenant))

    def connection(self) -> Connection | None:
        """Where the service that runs on this folder answers; None when none does."""
        found = _read(self.folder / "connection.json")
        return None if found is None else Connection(**found)

    def announce(self, connection: Connection | None) -> None:
        """Say where the service answers, or (None) that it no longer does."""
        if connection is None:
            (self.folder / "connection.json").unlink(missing_ok=True)
        else:
            _write_private(self.folder / "connection.json", asdict(connection))


def postgres_folder(data_dir: Path) -> Path:
    """Where the embedded PostgreSQL lives in a data folder."""
    return data_dir / "postgres"


def open_deployment(settings: Settings, embedded_dsn: str) -> Deployment:
    """Complete `settings`: the data folder is made (0700) and secrets that were not given are made once and kept there (0600)."""
    folder = settings.data_dir.expanduser().absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = _kept_secrets(folder / "secrets.json")
    database_url = settings.database_url
    complete = settings.model_copy(
        update={
            "data_dir": folder,
            "public_url": settings.public_url or f"http://{_reachable(settings.host)}:{settings.port}",
            "simulated_base_url": settings.simulated_base_url or f"http://127.0.0.1:{settings.sandbox_port}",
            "simulated_api_key": settings.simulated_api_key or SecretStr(kept["simulated_api_key"]),
            "master_key": settings.master_key or SecretStr(kept["master_key"]),
            "seal_key": settings.seal_key or SecretStr(kept["seal_key"]),
            "simulated_webhook_secret": settings.simulated_webhook_secret or SecretStr(kept["simulated_webhook_secret"]),
            **_magic_pay(settings, kept),
            **_payu(settings, kept),
            **_stripe(settings, kept),
        }
    )
    return Deployment(complete, embedded_dsn if database_url is None else database_url.get_secret_value())


def _magic_pay(settings: Settings, kept: dict[str, str]) -> dict[str, object]:
    """MagicPay at the sandbox, unless an address is set: then only what is set belongs to it."""
    if settings.magic_pay_base_url is not None:
        return {}
    names = ("magic_pay_api_key", "magic_pay_secret", "magic_pay_webhook_secret")
    return {name: getattr(settings, name) or SecretStr(kept[name]) for name in names}


def _payu(settings: Settings, kept: dict[str, str]) -> dict[str, object]:
    """PayU at the sandbox, unless an address is set: then only what is set belongs to it."""
    if not plays_payu(settings):
        return {}
    names = ("payu_merchant_key", "payu_merchant_salt")
    return {name: getattr(settings, name) or SecretStr(kept[name]) for name in names}


def plays_payu(settings: Settings) -> bool:
    """Whether the sandbox is this deployment's PayU."""
    return settings.payu_payment_url is None and settings.payu_api_url is None


def _stripe(settings: Settings, kept: dict[str, str]) -> dict[str, object]:
    """Stripe at the sandbox, unless an address is set: then only what is set belongs to it."""
    if not plays_stripe(settings):
        return {}
    names = ("stripe_secret_key", "stripe_webhook_secret")
    return {name: getattr(settings, name) or SecretStr(kept[name]) for name in names}


def plays_stripe(settings: Settings) -> bool:
    """Whether the sandbox is this deployment's Stripe."""
    return settings.stripe_base_url is None


def _reachable(host: str) -> str:
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _kept_secrets(file: Path) -> dict[str, str]:
    kept: dict[str, str] = _read(file) or {}
    made = {
        "simulated_api_key": f"sim_sk_test_{secrets.token_urlsafe(24)}",
        "master_key": secrets.token_urlsafe(32),
        "seal_key": secrets.token_urlsafe(32),
        "simulated_webhook_secret": f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
        "payu_merchant_key": f"test{secrets.token_hex(4)}",
        "payu_merchant_salt": secrets.token_urlsafe(24),
        "stripe_secret_key": f"sk_test_{secrets.token_hex(24)}",
        "stripe_webhook_secret": f"whsec_{secrets.token_hex(24)}",
        "magic_pay_api_key": f"mp_test_{secrets.token_urlsafe(24)}",
        "magic_pay_secret": secrets.token_urlsafe(32),
        "magic_pay_webhook_secret": f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
    }
    if made.keys() - kept.keys():
        kept = {**made, **kept}
        _write_private(file, kept)
    return kept


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _write_private(file: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(content, out, indent=2)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    Path(name).replace(file)
