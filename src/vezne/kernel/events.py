"""Events: facts in the past tense, and what follows from them.

A slice publishes an event to tell those above it; the composition root says in one table what follows. The event log is
also the audit log: every row names the actor, the request and the time, and no row is ever changed.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from vezne.kernel.ids import PREFIXES, shown

if TYPE_CHECKING:
    from vezne.kernel.db import Tx

_WORDS = re.compile(r"[A-Z][a-z0-9]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A fact about one thing, named in the past tense after it: `WalletDebited` is `wallet.debited`, about its `wallet_id`.

    Fields are plain values; a field `…_id` that holds a UUID is shown by its public id.
    """

    type: ClassVar[str] = ""
    about: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        """Derive type and subject from the class name, so that they can never disagree with it."""
        noun, *rest = (word.lower() for word in _WORDS.findall(cls.__name__))
        if noun not in PREFIXES or not rest:
            message = f"an event is named after a thing with public ids, in the past tense: {cls.__name__}"
            raise TypeError(message)
        cls.type = f"{noun}.{'_'.join(rest)}"
        cls.about = f"{noun}_id"

    def payload(self) -> dict[str, Any]:
        """The event's fields as they are stored and sent."""
        return {item.name: _plain(item.name, getattr(self, item.name)) for item in fields(self)}

    def subject(self) -> str:
        """The public id of the thing this event is about."""
        return shown(self.about, getattr(self, self.about))


def _plain(name: str, value: object) -> object:
    if isinstance(value, int | str):
        return value
    if isinstance(value, UUID):
        return shown(name, value)
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if isoformat else value


Reaction = Callable[["Tx", Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reactions:
    """What follows from which event: `now` in the same transaction, `later` as a job that commits with it.

    A later job is called with the event's `…_id` fields as its payload.
    """

    now: Mapping[type[Event], Sequence[Reaction]] = field(default_factory=dict)
    later: Mapping[type[Event], Sequence[str]] = field(default_factory=dict)
