"""Starts the nursery before anything else is loaded here: loading is most of a start, and this way two cores share it."""

import os
import socket
import subprocess
import sys

from vezne.kernel.postgres_binaries import tied_to_parent

FD = "VEZNE_NURSERY_FD"
LISTENER_FD = "VEZNE_LISTENER_FD"
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_begun: list[tuple["subprocess.Popen[bytes]", socket.socket]] = []


def spawn() -> tuple["subprocess.Popen[bytes]", socket.socket]:
    """A nursery, and our end of the socket on which it takes orders. It ends when that is closed, or with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*tied_to_parent(), sys.executable, "-m", "vezne.app.nursery"],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),  # standard output is the command's own, which may promise JSON
            # that several processes count together is decided when the library loads, where they count is told to each
            env={**os.environ, FD: str(theirs.fileno()), METRICS_FOLDER: "untold"},
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C in the terminal is for us, who then stop in our own order
        )
    return process, ours


def begin() -> None:
    """Start one for whoever takes it."""
    _begun.append(spawn())


def take() -> tuple["subprocess.Popen[bytes]", socket.socket]:
    """The nursery begun early, or a new one."""
    return _begun.pop() if _begun else spawn()
