"""Codes as people type them, and people as they sign up: one form for all spellings of the same thing."""

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from vezne.kernel.vault import Vault

ALPHABET = "34679ACDEFGHJKMNPRTVWXY"
"""What bulk codes are made of: no two of these look alike, so there is no 0 O Q, no 1 I L, no 2 Z, no 5 S, no 8 B, no U."""
LENGTH = 12
"""Letters of a bulk code: 23^12 is more than 2^54."""
PURPOSE = "promo identities"
_CODE = re.compile(r"[A-Z0-9]+(?:[-_ ]?[A-Z0-9]+)*", re.ASCII)
_SHORTEST, _LONGEST = 3, 64
_TURKISH = str.maketrans({"İ": "I", "ı": "I"})
_DOT_ABOVE = "\u0307"
_DOTLESS_HOSTS = {"gmail.com"}
_SAME_HOST = {"googlemail.com": "gmail.com"}
_PHONE_DIGITS = 10


def read_code(text: str) -> tuple[str, str] | None:
    """A code as it is shown and as it is looked up (`summer-10` is `SUMMER-10` and `SUMMER10`); None when it is none."""
    shown = unicodedata.normalize("NFKC", text).strip().translate(_TURKISH).upper().replace(" ", "-")
    folded = re.sub(r"[-_]", "", shown)
    if not _CODE.fullmatch(shown) or not _SHORTEST <= len(folded) <= _LONGEST or len(shown) > _LONGEST:
        return None
    return shown, folded


def new_code(prefix: str = "") -> str:
    """A code nobody can guess, in groups of four."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    groups = [letters[at : at + 4] for at in range(0, LENGTH, 4)]
    return "-".join([prefix, *groups] if prefix else groups)


def fold_email(text: str) -> str | None:
    """The mailbox behind an address: case, `+tag` and Unicode spelling do not count, nor do dots at Google's; None: no address.

    Providers in the wild treat local parts without case; tags after a plus reach the same mailbox at all large ones.
    """
    local, at, host = unicodedata.normalize("NFKC", text).strip().rpartition("@")
    local = local.partition("+")[0]
    host = _host(host)
    if not at or not local or not host:
        return None
    if host in _DOTLESS_HOSTS:
        local = local.replace(".", "")
    return f"{_small(local)}@{host}" if local else None


def _host(text: str) -> str:
    name = _small(text).rstrip(".")
    with suppress(UnicodeError):  # too long a label, or none at all: what is written stands for itself
        name = name.encode("idna").decode("ascii").lower()
    return _SAME_HOST.get(name, name)


def _small(text: str) -> str:
    """Without case; a Turkish I with or without its dot is an i, for whoever types an address in capitals."""
    folded = unicodedata.normalize("NFKC", text.casefold().replace("ı", "i"))
    return folded.replace(f"i{_DOT_ABOVE}", "i")


def fold_phone(text: str) -> str | None:
    """The last ten digits of a number: country codes, trunk zeros and strokes are written in every way; None: no number."""
    digits = "".join(str(unicodedata.digit(each)) for each in unicodedata.normalize("NFKC", text) if each.isdigit())
    return digits[-_PHONE_DIGITS:] if len(digits) >= _PHONE_DIGITS else None


def identities(vault: Vault, tenant_id: int, customer_id: UUID, email: str | None, phone: str | None) -> tuple[bytes, ...]:
    """By what a person is known again: keyed hashes of their number here, of their mailbox and of their telephone.

    One set for each master key, former ones included: after a change of keys earlier uses are still found.
    """
    facts = list(_facts(customer_id, email, phone))
    found = [hmac.digest(key, f"{tenant_id}/{fact}".encode(), hashlib.sha256) for key in vault.keys(PURPOSE) for fact in facts]
    return tuple(sorted(set(found)))


def _facts(customer_id: UUID, email: str | None, phone: str | None) -> Iterator[str]:
    yield f"customer:{customer_id}"
    mailbox = None if email is None else fold_email(email)
    if mailbox is not None:
        yield f"mailbox:{mailbox}"
    number = None if phone is None else fold_phone(phone)
    if number is not None:
        yield f"phone:{number}"
