"""Messages: the words of pages and letters, each in every language, in a slice's `messages.toml`."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

LANGUAGES: Final = ("en", "tr")


class MessageMissing(LookupError):
    """A page asked for a message that no catalogue holds."""


def messages_of(path: Path) -> dict[str, dict[str, str]]:
    """The messages of one catalogue, each under its dotted key; a table of texts is one message in its languages."""
    return dict(_flatten(tomllib.loads(path.read_text(encoding="utf-8")), ()))


def _flatten(table: Mapping[str, Any], path: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    if table and all(isinstance(value, str) for value in table.values()):
        return [(".".join(path), dict(table))]
    return [message for name, inner in table.items() for message in _flatten(inner, (*path, name))]


class Translator:
    """What `t` is: the messages of the kernel and of one slice."""

    def __init__(self, catalogues: Sequence[Path]) -> None:
        self._messages = {key: texts for path in catalogues if path.is_file() for key, texts in messages_of(path).items()}

    def template(self, lang: str, key: str) -> str:
        """The message in `lang`, its {names} still open. Raises MessageMissing."""
        try:
            return self._messages[key][lang]
        except KeyError as missing:
            raise MessageMissing(f"no message {key} in {lang}") from missing
