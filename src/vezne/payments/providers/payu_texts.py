"""What PayU India signs and how it writes: its hashes, its amounts, its names of payments and refunds. Pure, no network.

Every hash is the SHA-512, in lower-case hexadecimal, of the posted texts joined by `|`, just as they are posted: an amount
written another way, or one trailing space, is another hash.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterator, Mapping
from decimal import Decimal
from uuid import UUID

from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.money import Money, exponent

_ASKED = ("key", "txnid", "amount", "productinfo", "firstname", "email", "udf1", "udf2", "udf3", "udf4", "udf5")
_RESERVED = ("",) * 5
"""udf6 to udf10: signed as empty. With `api_version` PayU would sign their values, so we never post that."""
_CHARGES = ("additionalCharges", "additional_charges")  # PayU's own pages write both; what came is what was signed

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)
_TXNID = re.compile(r"[0-9a-z]{25}", re.ASCII)
_TXNID_LENGTH = 25
"""36**25 is just above 2**128. PayU takes about 25 characters; that it tells case apart is not confirmed: small letters only."""
_TOKEN_LENGTH = 23
"""How long a refund's token may be; not confirmed."""


def request_hash(fields: Mapping[str, str], salt: str) -> str:
    """The hash of a payment form. A missing udf is empty; additional charges and a split stand after the salt."""
    signed = [*(fields.get(name, "") for name in _ASKED), *_RESERVED, salt]
    signed += [fields[name] for name in ("additional_charges", "splitRequest") if fields.get(name)]
    return _sha512("|".join(signed))


def reverse_hash_is_right(fields: Mapping[str, str], salt: str) -> bool:
    """Whether PayU signed these fields of an answer, compared in constant time."""
    received = fields.get("hash", "").lower().encode()
    rights = [hmac.compare_digest(expected.encode(), received) for expected in reverse_hashes(fields, salt)]
    return any(rights)


def reverse_hashes(fields: Mapping[str, str], salt: str) -> Iterator[str]:
    """The hashes PayU may sign an answer with: one that names charges begins with them; one with a split may carry it, which
    depends on a setting of the account at PayU that we cannot see.
    """
    tail = [*_RESERVED, *(fields.get(name, "") for name in reversed(_ASKED))]
    charges = [fields[name] for name in _CHARGES if fields.get(name)][:1]
    head = [*charges, salt, fields.get("status", "")]
    yield _sha512("|".join([*head, *tail]))
    if fields.get("splitInfo"):
        yield _sha512("|".join([*head, fields["splitInfo"], *tail]))


def command_hash(key: str, command: str, var1: str, salt: str) -> str:
    """The hash of a question to the command API. Only `var1` is signed, not what follows it."""
    return _sha512(f"{key}|{command}|{var1}|{salt}")


def _sha512(text: str) -> str:
    return hashlib.sha512(text.encode()).hexdigest()


def amount_text(amount: Money) -> str:
    """The amount as PayU reads it, `10.00` for a thousand paise: with the decimals of its currency, never in another notation."""
    digits = exponent(amount.currency)
    return f"{Decimal(amount.minor).scaleb(-digits):.{digits}f}"


def money_of(text: str, currency: str) -> Money:
    """The amount that PayU wrote, exactly. Raises ValueError when it is no whole number of minor units."""
    if not _AMOUNT.fullmatch(text):
        raise ValueError("no amount")
    minor = Decimal(text).scaleb(exponent(currency))
    whole = int(minor)
    if whole != minor:
        raise ValueError("a fraction of a minor unit")
    return Money(whole, currency)


def txnid_of(reference: str) -> str:
    """What PayU calls the attempt `att_…`: its number in base 36. Raises UnknownId when it is no attempt's."""
    return _base36(parse_id("att", reference).int).rjust(_TXNID_LENGTH, "0")


def reference_of(txnid: str) -> str:
    """The attempt that a txnid names. Raises ValueError when it is none of ours."""
    if not _TXNID.fullmatch(txnid):
        raise ValueError("no txnid of ours")
    return public_id("att", UUID(int=int(txnid, 36)))


def refund_token(reference: str) -> str:
    """What PayU calls our refund: always the same for the same reference, and too long a number (118 bits) to meet twice."""
    digest = hashlib.sha256(f"payu refund {reference}".encode()).digest()
    return _base36(int.from_bytes(digest))[-_TOKEN_LENGTH:]


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text


def plain(text: str, longest: int) -> str:
    """`text` without what would shift or change the signed fields: pipes, control characters, doubled and outer spaces."""
    kept = "".join(" " if char == "|" or unicodedata.category(char).startswith("C") else char for char in text)
    return " ".join(kept.split())[:longest].strip()


def email_or(text: str, fallback: str) -> str:
    """The address, when it can be posted as it stands."""
    return text if re.fullmatch(r"[!-{}~]{1,50}", text) and "@" in text else fallback
