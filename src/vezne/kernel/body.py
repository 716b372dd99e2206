"""Request bodies, read strictly: what two programs could read differently, or what must never be kept, is refused."""

import json
import re
from typing import Any, NoReturn

from starlette.requests import Request

from vezne.kernel.errors import Invalid, Malformed, TooLarge

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32
_MAX_DIGITS = 40

_DIGIT_RUN = re.compile(r"(?<![0-9A-Za-z_-])[0-9](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z_-])", re.ASCII)
_MANY_DIGITS = re.compile(rb"[0-9](?:[ -]?[0-9]){12}")
_CARD_STARTS = re.compile(r"3[4-9]|[456]|2[2-7]|9792", re.ASCII)


class BodyTooLarge(TooLarge):
    """The body is larger than {limit} bytes."""


class BodyNotJson(Malformed):
    """The body is not valid JSON: {reason}."""


class BodyTooDeep(Malformed):
    """The body is nested more than {limit} levels deep."""


class FieldTwice(Malformed):
    """The field {name} stands twice in one object."""


class TextUnstorable(Invalid):
    """Text may hold neither NUL nor half a surrogate pair."""


class CardNumberRefused(Invalid):
    """This looks like a card number. Card numbers belong on the provider's page and are never taken here."""


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The raw body, at most `limit` bytes of it. Raises BodyTooLarge before more than that is held in memory."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(limit=limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit=limit)
        chunks.append(chunk)
    return b"".join(chunks)


def parse_json(raw: bytes) -> Any:  # noqa: ANN401 - JSON is anything until a model has read it
    """The JSON in `raw`, read strictly (RFC 8259, and I-JSON's rule on duplicate names, RFC 7493 section 2.3).

    Raises BodyNotJson, BodyTooDeep, FieldTwice, TextUnstorable, CardNumberRefused; the last two name the field.
    """
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)
    except RecursionError:
        raise BodyTooDeep(limit=MAX_DEPTH) from None
    except ValueError as error:
        raise BodyNotJson(reason=str(error).split(":", maxsplit=1)[0]) from None
    nested = raw.count(b"{") + raw.count(b"[") > 1
    if nested or b"\\u" in raw or b"\x00" in raw or _MANY_DIGITS.search(raw):
        _inspect(value, ("body",))
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise FieldTwice(name=next(name for name in names if names.count(name) > 1)[:64])
    return found


def _no_constant(name: str) -> NoReturn:
    raise BodyNotJson(reason=f"{name} is not a number")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise BodyNotJson(reason=f"a number of more than {_MAX_DIGITS} digits")
    return int(digits)


def _inspect(value: object, loc: tuple[str | int, ...]) -> None:
    if len(loc) > MAX_DEPTH:
        raise BodyTooDeep(limit=MAX_DEPTH)
    if isinstance(value, dict):
        for name, item in value.items():
            _inspect_text(name, (*loc, name[:64]))
            _inspect(item, (*loc, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _inspect(item, (*loc, index))
    elif isinstance(value, str):
        _inspect_text(value, loc)
    elif isinstance(value, int) and loc[-1] != "amount_minor":
        _refuse_card_number(str(value), loc)


def _inspect_text(text: str, loc: tuple[str | int, ...]) -> None:
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise TextUnstorable(loc=loc)
    _refuse_card_number(text, loc)


def _refuse_card_number(text: str, loc: tuple[str | int, ...]) -> None:
    for run in _DIGIT_RUN.findall(text):
        digits = run.replace(" ", "").replace("-", "")
        if _CARD_STARTS.match(digits) and _luhn(digits):
            raise CardNumberRefused(loc=loc)


def _luhn(digits: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    total = sum(int(digit) for digit in digits[-1::-2]) + sum(number - 9 if number > 9 else number for number in doubled)  # noqa: PLR2004
    return total % 10 == 0
