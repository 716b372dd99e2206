"""Work whose next try is enqueued before it is begun."""

from collections.abc import Awaitable

import structlog

from vezne.kernel.errors import Refusal

_log = structlog.get_logger("vezne.payments")


async def try_now(what: str, work: Awaitable[object]) -> None:
    """Do `work`. That it fails is told and no more: were it raised, the worker would run the job again beside the next try,
    which it has enqueued already, and the tries would multiply.
    """
    try:
        await work
    except Refusal as refusal:
        _log.warning("to be tried again", what=what, reason=refusal.code(), detail=refusal.detail)
    except Exception:  # noqa: BLE001 - a bug too must not multiply jobs; it is logged with its traceback
        _log.exception("to be tried again", what=what)
