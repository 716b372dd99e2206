"""The nursery: one process that has loaded everything and forks the others from itself.

Loading Vezne takes longer than anything else at a start; here it happens once for all processes, a killed one is back within
milliseconds, and what they loaded stands in memory once. The nursery runs no event loop and no thread, so a fork is safe.
It speaks lines of JSON: `{"start": name, "fd": 5, "environment": {…}}` in, `{"started": pid}` and `{"ended": pid, "code": 0}` out.
"""

import contextlib
import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from typing import Any, NoReturn

import uuid_utils

import vezne.app.http
import vezne.app.worker
import vezne.sandbox
from vezne.app.processes import PROCESSES, this_deployment
from vezne.kernel.telemetry import configure_logs

PR_SET_PDEATHSIG = 1
MODULES = (vezne.app.http, vezne.app.worker, vezne.sandbox)
"""What the processes need, loaded before the first fork."""


def main() -> None:
    """Fork what standard input asks for, and tell of each that ends, until standard input closes."""
    gc.collect()
    gc.freeze()  # the collector shall not touch, and so copy, what is shared
    requests = _Requests()
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while not requests.closed:
            for key, _ in selector.select():
                if key.fileobj is woken:
                    woken.recv(4096)
                    _tell_ended()
                else:
                    for request in requests.read():
                        _start(request)


class _Requests:
    """Lines from standard input, without a buffer that select would not see."""

    def __init__(self) -> None:
        self.closed = False
        self._rest = b""

    def read(self) -> list[dict[str, Any]]:
        """Whatever whole lines have come."""
        chunk = os.read(sys.stdin.fileno(), 65536)
        self.closed = not chunk
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [json.loads(line) for line in lines]


def _tell(message: dict[str, Any]) -> None:
    os.write(sys.stdout.fileno(), json.dumps(message).encode() + b"\n")


def _tell_ended() -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _tell({"ended": ended[0], "code": os.waitstatus_to_exitcode(ended[1])})


def _start(request: dict[str, Any]) -> None:
    nursery = os.getpid()
    pid = os.fork()
    if pid:
        _tell({"started": pid})
        return
    _become(request, nursery)


def _become(request: dict[str, Any], nursery: int) -> NoReturn:
    """In the fork: be the process that was asked for, and never return into the nursery."""
    code = 1
    try:
        _detach(nursery)
        os.environ.update(request["environment"])
        deployment = this_deployment()
        configure_logs(level=deployment.settings.log_level, as_json=deployment.settings.log_json)
        PROCESSES[request["start"]](deployment)
        code = 0
    except KeyboardInterrupt:
        code = 0  # SIGINT is how the kernel tells of the nursery's death, and is obeyed like SIGTERM
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001 - whatever it was: say it, and leave by the only door
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _detach(nursery: int) -> None:
    """Leave the nursery's signals, pipes and random state behind, and end when it ends."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))
    if os.getppid() != nursery:
        os._exit(1)
    uuid_utils.reseed_rng()  # two forks with one random state would make the same ids
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.close(nothing)


if __name__ == "__main__":
    main()
