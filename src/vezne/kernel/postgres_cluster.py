"""The files of an embedded PostgreSQL: who owns them, how they are made whole, and what a killed owner left behind."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from vezne.kernel.postgres_binaries import as_unprivileged, clean_environment, program, tied_to_parent

SUPERUSER = "vezne"
DATABASE = "vezne"
LONGEST_SOCKET_PATH = 107  # bytes of sun_path, less its terminator
SOCKET_NAME = ".s.PGSQL.5432"
LARGEST_LOG = 16 * 1024 * 1024


class AlreadyOwned(RuntimeError):
    """Another process runs the PostgreSQL of this data folder."""


class InitFailed(RuntimeError):
    """initdb could not make the database files."""


class OrphanWillNotLeave(RuntimeError):
    """A postmaster left by a killed owner did not stop, not even after an immediate shutdown."""


@dataclass(frozen=True)
class Layout:
    """Where things are inside the data folder. Everything is 0700 or below it."""

    root: Path

    @property
    def cluster(self) -> Path:
        """The database files, whole or absent."""
        return self.root / "cluster"

    @property
    def unfinished(self) -> Path:
        """Where initdb works, before its result is renamed to `cluster`."""
        return self.root / "cluster.unfinished"

    @property
    def lock(self) -> Path:
        """The file whose flock says who the owner is."""
        return self.root / "owner.lock"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.root / "postgres.log"

    @property
    def sockets(self) -> Path:
        """Folder of the Unix socket; a short one elsewhere when the data folder's own path is too long."""
        own = self.root / "socket"
        if len(os.fsencode(own / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
            return own
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        return runtime / f"vezne-{os.geteuid()}-{digest}"


def prepare(layout: Layout) -> None:
    """Make the folders, private to us. Again: nothing changes. Raises PermissionError when a folder is another user's."""
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    layout.sockets.mkdir(mode=0o700, exist_ok=True)
    for folder in (layout.root, layout.sockets):
        found = folder.lstat()
        if found.st_uid != os.geteuid() or folder.is_symlink():
            raise PermissionError(f"{folder} must be a folder of the user who runs PostgreSQL")
        folder.chmod(0o700)
    rotate_log(layout)


def rotate_log(layout: Layout) -> None:
    """Keep the log bounded: past 16 MiB it is copied aside (one old copy) and emptied; the server appends on."""
    with contextlib.suppress(FileNotFoundError):
        if layout.log.stat().st_size > LARGEST_LOG:
            shutil.copyfile(layout.log, layout.log.with_suffix(".log.old"))
            os.truncate(layout.log, 0)


def take_ownership(layout: Layout, patience: float) -> int:
    """Lock the data folder for this process, waiting up to `patience` seconds for a former owner to finish.

    Answers the locked descriptor: closing it, or dying, gives the folder up. Raises AlreadyOwned.
    """
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise AlreadyOwned(f"PostgreSQL in {layout.root} is run by process {owner or 'unknown'} already") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor


async def ensure_cluster(layout: Layout, *, sync: bool = True) -> bool:
    """Make the database files when there are none. True when they were made now. Raises InitFailed.

    They are made aside and renamed when whole and on disk, so a death half way leaves nothing that looks usable.
    `sync=False` skips the wait for the disk (tests).
    """
    if (layout.cluster / "PG_VERSION").exists():
        return False
    if layout.unfinished.exists():
        await asyncio.to_thread(shutil.rmtree, layout.unfinished)
    making = await asyncio.create_subprocess_exec(
        *as_unprivileged(), *tied_to_parent(), program("initdb"),
        "--pgdata", str(layout.unfinished), "--username", SUPERUSER, "--auth-local=trust", "--auth-host=reject",
        "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
        "--data-checksums", "--no-instructions", *(() if sync else ("--no-sync",)),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environment(), start_new_session=True,
    )  # fmt: skip
    said, _ = await making.communicate()
    if making.returncode != 0:
        raise InitFailed(f"initdb ended with {making.returncode}: {said.decode(errors='replace').strip()}")
    layout.unfinished.rename(layout.cluster)
    sync_folder(layout.root)
    return True


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def dismiss_orphan(layout: Layout, *, patience: float) -> None:
    """Stop a postmaster whose owner was killed, or remove a pid file that names some other program.

    To be called only by the owner of the folder's lock, when no postmaster of its own runs: whatever runs there then is
    ownerless. Fast shutdown first, an immediate one after `patience` seconds. Raises OrphanWillNotLeave.
    """
    pid_file = layout.cluster / "postmaster.pid"
    pid = await asyncio.to_thread(_read_pid, pid_file)
    if pid is None or not _runs(pid):
        return  # no file, or a dead one's: PostgreSQL clears that itself
    if not await asyncio.to_thread(_is_postmaster_of, pid, layout.cluster):
        pid_file.unlink(missing_ok=True)  # the number was given to another program since
        return
    for how, wait in ((signal.SIGINT, patience), (signal.SIGQUIT, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        if await _gone(pid, wait):
            return
    raise OrphanWillNotLeave(f"{OrphanWillNotLeave.__doc__} Its process is {pid}.")


def _read_pid(pid_file: Path) -> int | None:
    try:
        first = pid_file.read_text(encoding="ascii").split("\n", 1)[0]
        return abs(int(first))
    except (FileNotFoundError, ValueError):
        return None


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_postmaster_of(pid: int, cluster: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False  # gone meanwhile, or not ours to look at
    return Path(words[0]).name == "postgres" and str(cluster) in words


async def _gone(pid: int, wait: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    while _runs(pid):
        if loop.time() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True
