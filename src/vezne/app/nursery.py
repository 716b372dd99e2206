"""The nursery: one process that has loaded everything and forks the others from itself.

Loading Vezne takes longer than anything else at a start; here it happens once for all processes, a killed one is back within
milliseconds, and what they loaded stands in memory once. The nursery runs no event loop and no thread, so a fork is safe.
It speaks packets of JSON: `{"start": name, "environment": {…}}` in, with a listening socket where the process needs one;
`{"started": pid}` and `{"ended": pid, "code": 0}` out.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from typing import Any, NoReturn

import uuid_utils

from vezne.app import early

PR_SET_PDEATHSIG = 1
LARGEST_PACKET = 65536
MODULES = ("vezne.app.http", "vezne.app.worker", "vezne.sandbox", "uvicorn", "uvicorn.lifespan.on", "uvloop")
"""What the processes need, loaded before the first fork."""


def main() -> None:
    """Fork what the socket asks for, and tell of each that ends, until the socket is closed at the other end."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # how the kernel tells that our parent died: also while loading
    for name in MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # the collector shall not touch, and so copy, what is shared
    orders = socket.socket(fileno=int(os.environ.pop(early.FD)))
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    with selectors.DefaultSelector() as selector:
        selector.register(orders, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if woken in ready:
                woken.recv(4096)
                _tell_ended(orders)
            if orders in ready:
                packet, listeners, _, _ = socket.recv_fds(orders, LARGEST_PACKET, 1)
                if not packet:
                    return
                _start(json.loads(packet), listeners, orders)


def _tell(orders: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever asked is gone; the next read says so
        orders.send(json.dumps(message).encode())


def _tell_ended(orders: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _tell(orders, {"ended": ended[0], "code": os.waitstatus_to_exitcode(ended[1])})


def _start(order: dict[str, Any], listeners: list[int], orders: socket.socket) -> None:
    nursery = os.getpid()
    pid = os.fork()
    if pid:
        for listener in listeners:
            os.close(listener)
        _tell(orders, {"started": pid})
        return
    orders.close()
    _become(order, listeners, nursery)


def _become(order: dict[str, Any], listeners: list[int], nursery: int) -> NoReturn:
    """In the fork: be the process that was asked for, and never return into the nursery."""
    code = 1
    try:
        _detach(nursery)
        os.environ.update(order["environment"])
        if listeners:
            os.environ[early.LISTENER_FD] = str(listeners[0])
        importlib.import_module("vezne.app.processes").become(order["start"])
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
    """Leave the nursery's signals and random state behind, and end when it ends."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))
    if os.getppid() != nursery:
        os._exit(1)
    uuid_utils.reseed_rng()  # two forks with one random state would make the same ids


if __name__ == "__main__":
    main()
