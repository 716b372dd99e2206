"""What happens by itself: in real time, and on each test clock when it is advanced. Instants are seconds since 1970."""

from collections.abc import Callable
from datetime import timedelta

from vezne.sandbox.queries import insert_timer
from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import objects
from vezne.sandbox.stripe.shapes import Object

Deed = Callable[[Tx, str, int], None]
"""Does to the subject what was due at that instant; by then it may have changed, so a deed looks before it acts."""

DEEDS: dict[str, Deed] = {}
_REAL = ""
_MS = 1000


def deed(name: str) -> Callable[[Deed], Deed]:
    """Names a deed, so that timers can be wound for it."""

    def named(does: Deed) -> Deed:
        DEEDS[name] = does
        return does

    return named


def now(tx: Tx, clock: str | None = None) -> int:
    """The time on a test clock, or the real one."""
    found = objects.find(tx, "test_helpers.test_clock", clock) if clock else None
    if found is None:
        return int(tx.now.timestamp())
    return int(objects.hidden_of(tx, found["id"]).get("now") or found["frozen_time"])


def clock_of(tx: Tx, thing: Object) -> str | None:
    """The test clock a resource lives by: its own, or its customer's."""
    own = thing.get("test_clock")
    if isinstance(own, str):
        return own
    customer = objects.find(tx, "customer", thing.get("customer")) if isinstance(thing.get("customer"), str) else None
    return None if customer is None else customer["test_clock"]


def wind_at(tx: Tx, at: int, name: str, subject: str, clock: str | None = None) -> None:
    """Let a deed happen at an instant, on a test clock or in real time. One that is past happens as soon as time is looked at."""
    _wind(tx, at * _MS, name, subject, clock)


def wind_after(tx: Tx, wait: timedelta, name: str, subject: str, clock: str | None = None) -> None:
    """Let a deed happen after a wait."""
    here = int(tx.now.timestamp() * _MS) if clock is None else now(tx, clock) * _MS
    _wind(tx, here + wait // timedelta(milliseconds=1), name, subject, clock)


def _wind(tx: Tx, due_ms: int, name: str, subject: str, clock: str | None) -> None:
    if name not in DEEDS:
        raise KeyError(name)
    tx.sql.execute(
        "INSERT INTO stripe_timers (clock, due_at, deed, subject) VALUES (?, ?, ?, ?)", (clock or _REAL, due_ms, name, subject)
    )
    if clock is None:
        wait = timedelta(milliseconds=due_ms - int(tx.now.timestamp() * _MS))
        insert_timer(tx, max(wait, timedelta(0)), "stripe.pass", _REAL)


def unwind(tx: Tx, name: str, subject: str) -> None:
    """What was wound for this subject will not happen."""
    tx.sql.execute("DELETE FROM stripe_timers WHERE deed = ? AND subject = ?", (name, subject))


def happen(tx: Tx, what: str, subject: str) -> None:
    """A timer of the sandbox has run down: do what is due in real time, or what a test clock was told."""
    if what == "pass":
        let_pass(tx, None, int(tx.now.timestamp() * _MS))
    else:
        DEEDS[what](tx, subject, now(tx))


def let_pass(tx: Tx, clock: str | None, until_ms: int, arrive: Callable[[int], None] | None = None) -> None:
    """Do everything due until then in the order it is due, and what that makes due. `arrive` is told each instant first."""
    while True:
        row = tx.sql.execute(
            "DELETE FROM stripe_timers WHERE id = (SELECT id FROM stripe_timers WHERE clock = ? AND due_at <= ?"
            " ORDER BY due_at, id LIMIT 1) RETURNING due_at, deed, subject",
            (clock or _REAL, until_ms),
        ).fetchone()
        if row is None:
            return
        if arrive is not None:
            arrive(row["due_at"] // _MS)
        DEEDS[row["deed"]](tx, row["subject"], row["due_at"] // _MS)


def forget_clock(tx: Tx, clock: str) -> None:
    """A test clock is gone, and what was due on it."""
    tx.sql.execute("DELETE FROM stripe_timers WHERE clock = ?", (clock,))
