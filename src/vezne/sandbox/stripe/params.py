"""Form bodies and queries with nested brackets (`metadata[k]`, `items[0][price]`, `expand[]`), read strictly: a parameter nobody
has asked for is refused by its name, as Stripe refuses it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias
from urllib.parse import parse_qsl

from vezne.sandbox.stripe.errors import invalid, missing, unknown

Value: TypeAlias = str | dict[str, "Value"]

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_INTEGER = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_MOST_FIELDS, _DEEPEST, _LONGEST = 1000, 8, 5000
_MOST_METADATA, _LONGEST_KEY, _LONGEST_NOTE = 50, 40, 500


def read(raw: bytes) -> "Params":
    """The parameters of a body or a query. Of a doubled one the last counts."""
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise invalid("Invalid request: the parameters could not be read.") from None
    values: dict[str, Value] = {}
    for name, value in pairs:
        _put(values, name, value)
    return Params(values)


def _put(values: dict[str, Value], name: str, value: str) -> None:
    match = _NAME.fullmatch(name)
    steps = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])] if match else []
    if not steps or len(steps) > _DEEPEST:
        raise invalid(f"Invalid parameter name: {name[:80]}", name[:80])
    at = values
    for step, following in pairwise(steps):
        key = step or str(len(at) - (following != "" and following not in _last(at)))
        inner = at.setdefault(key, {})
        if not isinstance(inner, dict):
            raise invalid(f"Invalid {name[:80]}: it is sent both as a value and as a hash.", name[:80])
        at = inner
    at[steps[-1] or str(len(at))] = value


def _last(values: Mapping[str, Value]) -> Mapping[str, Value]:
    """What the last `[]` of a list has so far; a field it has already begins the next one."""
    found = values.get(str(len(values) - 1), "")
    return found if isinstance(found, dict) else {}


class Params:
    """Parameters on one level. Each is read by its name; what was not read is unknown."""

    def __init__(self, values: Mapping[str, Value], path: str = "") -> None:
        self._values = values
        self._path = path
        self._read: set[str] = set()
        self._inner: list[Params] = []

    def name(self, name: str) -> str:
        """The parameter as it was written: `card[number]`."""
        return f"{self._path}[{name}]" if self._path else name

    def given(self, name: str) -> bool:
        """Whether it was sent at all; an empty text is Stripe's way to unset it."""
        return name in self._values

    def is_hash(self, name: str) -> bool:
        """Whether what was sent under this name has brackets behind it."""
        return isinstance(self._values.get(name), dict)

    def names(self) -> Sequence[str]:
        """What was sent on this level."""
        return list(self._values)

    def text(self, name: str, default: str | None = None, *, longest: int = _LONGEST) -> str | None:
        """A text; None when it is unset by an empty one, `default` when it was not sent."""
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, dict):
            raise invalid(f"Invalid string: {self.name(name)}", self.name(name))
        if len(value) > longest:
            raise invalid(f"Invalid string: {self.name(name)} must be at most {longest} characters", self.name(name))
        return value or None

    def needed(self, name: str) -> str:
        """A text that must be there."""
        value = self.text(name)
        if value is None:
            raise missing(self.name(name))
        return value

    def choice(self, name: str, among: Sequence[str], default: str | None = None) -> str | None:
        """One of a few words."""
        value = self.text(name, default)
        if value is not None and value not in among:
            must = f"must be one of {' or '.join([', '.join(among[:-1]), among[-1]] if len(among) > 1 else among)}"
            raise invalid(f"Invalid {self.name(name)}: {must}", self.name(name))
        return value

    def integer(self, name: str, default: int | None = None, *, least: int | None = None) -> int | None:
        """A whole number."""
        value = self.text(name)
        if value is None:
            return default
        if not _INTEGER.fullmatch(value):
            raise invalid(f"Invalid integer: {value[:40]}", self.name(name), "parameter_invalid_integer")
        number = int(value)
        if least is not None and number < least:
            raise invalid(f"This value must be greater than or equal to {least}.", self.name(name), "parameter_invalid_integer")
        return number

    def boolean(self, name: str, *, default: bool | None = None) -> bool | None:
        """True or false."""
        value = self.text(name)
        if value is None:
            return default
        if value not in {"true", "false"}:
            raise invalid(f"Invalid boolean: {value[:40]}", self.name(name))
        return value == "true"

    def inner(self, name: str) -> "Params":
        """The hash called so; an empty one when it was not sent or unset."""
        value = self._take(name)
        if isinstance(value, str) and value:
            raise invalid(f"Invalid object: {self.name(name)}", self.name(name))
        made = Params(value if isinstance(value, dict) else {}, self.name(name))
        self._inner.append(made)
        return made

    def rows(self, name: str) -> list["Params"]:
        """A list of hashes."""
        found = []
        for place, value in self._places(name):
            if not isinstance(value, dict):
                raise invalid(f"Invalid object: {self.name(name)}[{place}]", f"{self.name(name)}[{place}]")
            found.append(Params(value, f"{self.name(name)}[{place}]"))
        self._inner.extend(found)
        return found

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        found = []
        for place, value in self._places(name):
            if not isinstance(value, str):
                raise invalid(f"Invalid string: {self.name(name)}[{place}]", f"{self.name(name)}[{place}]")
            found.append(value)
        return found

    def _places(self, name: str) -> Iterator[tuple[str, Value]]:
        value = self._take(name)
        if isinstance(value, str) and value:
            raise invalid(f"Invalid array: {self.name(name)}", self.name(name))
        yield from (value if isinstance(value, dict) else {}).items()

    def metadata(self, old: Mapping[str, str] | None = None) -> dict[str, str]:
        """The metadata as it then is: what is sent is added, an empty text removes one, an empty `metadata` all."""
        kept = dict(old or {})
        value = self._take("metadata")
        if value == "":
            return {}
        for key, note in (value if isinstance(value, dict) else {}).items():
            name = f"{self.name('metadata')}[{key}]"
            if not isinstance(note, str):
                raise invalid("Invalid metadata: values must be strings.", name)
            if len(key) > _LONGEST_KEY or len(note) > _LONGEST_NOTE:
                raise invalid(f"Metadata keys have at most {_LONGEST_KEY} characters, values {_LONGEST_NOTE}.", name)
            kept.pop(key, None)
            if note:
                kept[key] = note
        if len(kept) > _MOST_METADATA:
            raise invalid(f"You cannot have more than {_MOST_METADATA} metadata keys.", self.name("metadata"))
        return kept

    def ignore(self, *names: str) -> None:
        """Take these as read: they change nothing that is played here."""
        self._read.update(names)

    def finish(self) -> None:
        """Refuse what nobody has read."""
        for name in self._values:
            if name not in self._read:
                raise unknown(self.name(name))
        for inner in self._inner:
            inner.finish()

    def _take(self, name: str) -> Value | None:
        self._read.add(name)
        return self._values.get(name)
