"""What goes wrong on purpose: seeded faults of webhooks, of the API and of refunds, each counted when it fires.

A test that arms a fault reads its counter afterwards, and fails when the fault it promised never happened.
"""

from random import Random
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vezne.sandbox.store import Tx

Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
Times = Annotated[int, Field(ge=1, le=1000)]
Operation = Literal["create", "capture", "cancel", "refund", "charge"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class WebhookFaults(_Part):
    """What happens to webhooks on their way."""

    duplicate: Annotated[int, Field(ge=1, le=20)] | Annotated[float, Field(gt=0, lt=1)] | None = None
    """So many copies of each event besides the genuine one; a number below 1 is the probability of one copy."""
    reorder: bool | Milliseconds = False
    """An event is held, 2 s or so many milliseconds, for the next one, and then goes after it."""
    delay_ms: Milliseconds | None = None
    """Every event sets out so much later."""
    drop_first: Times | None = None
    """The first so many tries of each event are lost on the way; the retry schedule goes on."""
    forge: bool = False
    """A copy with the same id that claims success, signed with a wrong secret, comes first."""
    stale: bool = False
    """A rightly signed copy whose timestamp is ten minutes old comes first."""


class ApiFaults(_Part):
    """What happens to answers of the API."""

    timeout_after: Operation | None = None
    """The work is done and kept; the answer never comes, and after `hang_ms` the connection is cut."""
    error_500_after: Operation | None = None
    """The work is done and kept; the answer is a 500."""
    times: Times = 1
    """How often the two above happen."""
    hang_ms: Milliseconds = 30_000
    slow_ms: Milliseconds | None = None
    """Every answer takes so much longer."""


class RefundFaults(_Part):
    """What happens to refunds."""

    delay_ms: Milliseconds | None = None
    """A refund stays pending for so long."""
    fail: bool = False
    """A refund fails in the end."""


class Faults(_Part):
    """Everything that is armed."""

    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0
    webhooks: WebhookFaults = WebhookFaults()
    api: ApiFaults = ApiFaults()
    refunds: RefundFaults = RefundFaults()

    @property
    def armed(self) -> list[str]:
        """The names of the faults that are armed, such as `webhooks.duplicate`."""
        parts = {"webhooks": self.webhooks, "api": self.api, "refunds": self.refunds}
        return [
            f"{part}.{name}"
            for part, faults in parts.items()
            for name, value in faults.model_dump(exclude={"times", "hang_ms"}).items()
            if value is not None and value is not False
        ]


def arm(tx: Tx, faults: Faults) -> None:
    """Arm these faults and no others; their counters start at nought."""
    tx.sql.execute("DELETE FROM faults_fired")
    tx.sql.execute("INSERT OR REPLACE INTO faults (id, spec) VALUES (1, ?)", (faults.model_dump_json(),))
    tx.sql.executemany("INSERT INTO faults_fired (name) VALUES (?)", [(name,) for name in faults.armed])


def armed(tx: Tx) -> Faults:
    """The faults that are armed; none when nobody armed any."""
    row = tx.sql.execute("SELECT spec FROM faults WHERE id = 1").fetchone()
    return Faults() if row is None else Faults.model_validate_json(row["spec"])


def shown(tx: Tx) -> dict[str, object]:
    """What is armed, and how often each has fired."""
    fired = {row["name"]: row["fired"] for row in tx.sql.execute("SELECT name, fired FROM faults_fired ORDER BY name")}
    return {**armed(tx).model_dump(), "fired": fired}


def fire(tx: Tx, name: str) -> None:
    """Count that the fault has happened. One that was disarmed meanwhile is not counted."""
    tx.sql.execute("UPDATE faults_fired SET fired = fired + 1 WHERE name = ?", (name,))


def fired(tx: Tx, name: str) -> int:
    """How often the fault has happened."""
    row = tx.sql.execute("SELECT fired FROM faults_fired WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row["fired"])


def copies(tx: Tx, faults: Faults) -> int:
    """How many duplicates of the next event there will be. Drawn from the seed: the same seed gives the same row of draws."""
    duplicate = faults.webhooks.duplicate
    if duplicate is None or isinstance(duplicate, int):
        return duplicate or 0
    name = "webhooks.duplicate"
    row = tx.sql.execute("UPDATE faults_fired SET drawn = drawn + 1 WHERE name = ? RETURNING drawn", (name,)).fetchone()
    return int(Random(f"{faults.seed}/{name}/{row['drawn']}").random() < duplicate)  # noqa: S311 - must be repeatable
