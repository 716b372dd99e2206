"""The processes of a deployment, one function each. `python -m vezne.app NAME` starts one without loading the command line."""

import asyncio
import importlib
import os
import socket
import sys
from collections.abc import Callable

from vezne.app.deployment import Deployment, open_deployment, plays_payu, plays_stripe, postgres_folder
from vezne.app.early import LISTENER_FD
from vezne.kernel.postgres import EmbeddedPostgres
from vezne.kernel.settings import Settings
from vezne.kernel.telemetry import configure_logs

GRACE_SECONDS = 20
BACKLOG = 2048


def this_deployment() -> Deployment:
    """The deployment that the environment describes."""
    settings = Settings()
    return open_deployment(settings, EmbeddedPostgres(postgres_folder(settings.data_dir)).dsn)


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket. `shared`: others of ours may listen on the same port, and the kernel spreads connections over them."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def serve(deployment: Deployment, listener: socket.socket | None = None) -> None:
    """Serve HTTP until SIGTERM or SIGINT; requests under way are finished first."""
    uvicorn = importlib.import_module("uvicorn")  # here, as the other processes have no use for it
    http = importlib.import_module("vezne.app.http")
    settings = deployment.settings
    server = uvicorn.Server(
        uvicorn.Config(
            http.create_app(settings, dsn=deployment.dsn),
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    asyncio_run = importlib.import_module("uvloop").run
    asyncio_run(server.serve([listener or listen(settings.host, settings.port)]))


def work(deployment: Deployment) -> None:
    """Do jobs until SIGTERM or SIGINT; those begun are finished first."""
    worker = importlib.import_module("vezne.app.worker")

    async def until_stopped() -> None:
        await worker.work(deployment.settings, deployment.dsn, worker.stop_on_signals())

    asyncio.run(until_stopped())


def play_providers(deployment: Deployment) -> None:
    """Be the sandbox until SIGTERM or SIGINT."""
    sandbox = importlib.import_module("vezne.sandbox")
    settings = deployment.settings
    key, secret = settings.simulated_api_key, settings.simulated_webhook_secret
    here = settings.magic_pay_base_url is None
    mp_key, mp_secret, mp_webhook_secret = [
        each.get_secret_value() if each and here else None
        for each in (settings.magic_pay_api_key, settings.magic_pay_secret, settings.magic_pay_webhook_secret)
    ]
    sandbox.run(
        sandbox.SandboxSettings(
            database=deployment.sandbox_file,
            api_key=key.get_secret_value() if key else "",
            webhook_secret=secret.get_secret_value() if secret else "",
            magic_pay_api_key=mp_key,
            magic_pay_secret=mp_secret,
            magic_pay_webhook_secret=mp_webhook_secret,
            port=settings.sandbox_port,
            **sandbox_payu(settings),
            **sandbox_stripe(settings),
        )
    )


def sandbox_payu(settings: Settings) -> dict[str, str]:
    """What the sandbox's PayU has agreed with this deployment; nothing when PayU is elsewhere."""
    key, salt = settings.payu_merchant_key, settings.payu_merchant_salt
    if key is None or salt is None or not plays_payu(settings):
        return {}
    told = _told(settings, "/v1/payu/webhook")
    known = {"payu_merchant_key": key.get_secret_value(), "payu_merchant_salt": salt.get_secret_value()}
    return known if told is None else {**known, "payu_webhook_url": told}


def sandbox_stripe(settings: Settings) -> dict[str, str]:
    """What the sandbox's Stripe has agreed with this deployment; nothing when Stripe is elsewhere.

    Of several webhook secrets the first is the one that the sandbox signs with.
    """
    key, secret = settings.stripe_secret_key, settings.stripe_webhook_secret
    if key is None or secret is None or not plays_stripe(settings):
        return {}
    told = _told(settings, "/payment/webhooks/stripe")
    known = {
        "stripe_secret_key": key.get_secret_value(),
        "stripe_webhook_secret": secret.get_secret_value().partition(",")[0].strip(),
    }
    return known if told is None else {**known, "stripe_webhook_url": told}


def _told(settings: Settings, path: str) -> str | None:
    """Where the sandbox tells this service: on loopback, or not at all."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::", ""} else settings.host  # noqa: S104 - compared, not bound
    return f"http://{host}:{settings.port}{path}" if host in {"127.0.0.1", "localhost"} else None


def _serve_inherited(deployment: Deployment) -> None:
    """Serve on the socket that the supervisor holds, so that no connection is lost between two lives of this process."""
    serve(deployment, socket.socket(fileno=int(os.environ[LISTENER_FD])))


def _prepare(deployment: Deployment) -> None:
    first_start = importlib.import_module("vezne.app.first_start")
    asyncio.run(first_start.prepare(deployment))


PROCESSES: dict[str, Callable[[Deployment], None]] = {
    "http": _serve_inherited,
    "worker": work,
    "sandbox": play_providers,
    "prepare": _prepare,
}


def become(name: str) -> None:
    """Be the process called `name` of the deployment that the environment describes."""
    deployment = this_deployment()
    configure_logs(level=deployment.settings.log_level, as_json=deployment.settings.log_json)
    PROCESSES[name](deployment)


def main() -> None:
    """Be the process that the command line names."""
    try:
        become(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
