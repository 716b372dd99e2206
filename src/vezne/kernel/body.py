"""Request bodies, read strictly: what two programs could read differently, or what must never be kept, is refused."""

import json
import re
import unicodedata
from itertools import accumulate
from typing import Any, NoReturn

from starlette.requests import Request

from vezne.kernel.errors import Invalid, Malformed, TooLarge

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32
_MAX_DIGITS = 40

_GAP = r"[ .\t\r\n-]{0,3}"  # what people type between the groups of a card number
_DIGIT_RUN = re.compile(rf"(?<![0-9A-Za-z])[0-9](?:{_GAP}[0-9]){{12,}}(?![0-9A-Za-z])", re.ASCII)
_MANY_DIGITS = re.compile(rb"[0-9](?:[ .-]{0,3}[0-9]){12}")
_GROUP = re.compile(r"[0-9]+", re.ASCII)
_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}", re.ASCII)
_IBAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?: ?[0-9A-Za-z]{4}){2,7}(?: ?[0-9A-Za-z]{1,3})?(?![0-9A-Za-z])", re.ASCII
)
_CARDS = (
    (re.compile(r"4", re.ASCII), {13, 16, 19}),  # Visa
    (re.compile(r"5[1-5]|2[2-7]", re.ASCII), {16}),  # Mastercard, Mir
    (re.compile(r"3[47]", re.ASCII), {15}),  # American Express
    (re.compile(r"3[0689]", re.ASCII), {14, 16}),  # Diners Club
    (re.compile(r"35", re.ASCII), {16, 17, 18, 19}),  # JCB
    (re.compile(r"6|5[0678]", re.ASCII), {13, 14, 15, 16, 17, 18, 19}),  # Discover, UnionPay, Maestro
    (re.compile(r"9792", re.ASCII), {16}),  # Troy
)
"""How card numbers begin (ISO/IEC 7812 issuer ranges) and how long those are: an order number seldom looks like that."""
_LUHN = tuple((digit, digit * 2 - 9 * (digit > 4)) for digit in range(10))  # noqa: PLR2004 - twice 5 is 10, of which 1 is kept
"""A digit as the check of card numbers counts it: as it is, and doubled (ISO/IEC 7812-1, annex B)."""


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
    if declared.isdecimal() and int(declared) > limit:
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
        value = _DECODER.decode(raw.decode())
    except RecursionError:
        raise BodyTooDeep(limit=MAX_DEPTH) from None
    except ValueError as error:
        raise BodyNotJson(reason=str(error).split(":", maxsplit=1)[0]) from None
    nested = raw.count(b"{") + raw.count(b"[") > 1
    if nested or b"\\" in raw or not raw.isascii() or _MANY_DIGITS.search(raw):
        _inspect(value, ("body",))
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                _inspect_text(name, ("body",))
                raise FieldTwice(name=name[:64])
            seen.add(name)
    return found


def _no_constant(name: str) -> NoReturn:
    raise BodyNotJson(reason=f"{name} is not a number")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise BodyNotJson(reason=f"a number of more than {_MAX_DIGITS} digits")
    return int(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)


def _inspect(value: object, loc: tuple[str | int, ...]) -> None:
    if len(loc) > MAX_DEPTH:
        raise BodyTooDeep(limit=MAX_DEPTH)
    if isinstance(value, dict):
        for name, item in value.items():
            _inspect_text(name, loc)  # the refusal does not repeat a name that may not be shown
            _inspect(item, (*loc, name[:64]))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _inspect(item, (*loc, index))
    elif isinstance(value, str):
        _inspect_text(value, loc)
    elif isinstance(value, int | float) and not str(loc[-1]).endswith("_minor"):  # an amount is no card number
        _refuse_card_number(str(value) if isinstance(value, int) else f"{value:.0f}", loc)


def _inspect_text(text: str, loc: tuple[str | int, ...]) -> None:
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise TextUnstorable(loc=loc)
    _refuse_card_number(text, loc)


def _refuse_card_number(text: str, loc: tuple[str | int, ...]) -> None:
    ascii_text = _IBAN.sub(_unless_iban, _UUID.sub(" / ", text if text.isascii() else _plain(text)))
    for run in _DIGIT_RUN.findall(ascii_text):
        if _holds_card(_GROUP.findall(run)):
            raise CardNumberRefused(loc=loc)


def _unless_iban(found: re.Match[str]) -> str:
    """An IBAN in groups of four looks like a card number now and then; its check digits tell it from one (ISO 7064, 97-10).

    The words after it may look like more groups.
    """
    words = found[0].split(" ")
    for count in range(len(words), 0, -1):
        compact = "".join(words[:count])
        if int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1:
            return " / ".join(["", *words[count:]])
    return found[0]


def _holds_card(groups: list[str]) -> bool:
    """Whether some neighbouring groups of digits make a card number, in time that grows with their number only."""
    digits = "".join(groups)
    edges = [0, *accumulate(len(group) for group in groups)]
    ends = set(edges)
    sums: tuple[list[int], list[int]] = (
        [0, *accumulate(_LUHN[int(digit)][place % 2 == 0] for place, digit in enumerate(digits))],
        [0, *accumulate(_LUHN[int(digit)][place % 2 == 1] for place, digit in enumerate(digits))],
    )
    for start in edges:
        for issuer, lengths in _CARDS:
            if issuer.match(digits, start):
                for end in (start + length for length in lengths):
                    if end in ends and (sums[end % 2][end] - sums[end % 2][start]) % 10 == 0:
                        return True
    return False


def _plain(text: str) -> str:
    """Other scripts' digits, dashes and spaces as ASCII's: a full-width card number is one too."""
    return "".join(char if char.isascii() else _plain_char(char) for char in text)


def _plain_char(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    return {"Pd": "-", "Zs": " ", "Cf": ""}.get(category, char)
