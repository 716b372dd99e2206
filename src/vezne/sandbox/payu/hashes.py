"""The hashes as PayU makes and checks them: SHA-512 over texts joined by pipes, with the merchant's salt at one end."""

import hashlib
import hmac
from collections.abc import Mapping

_UDFS = ("udf1", "udf2", "udf3", "udf4", "udf5")


def of_request(posted: Mapping[str, str], salt: str) -> str:
    """key|txnid|amount|productinfo|firstname|email|udf1…udf5||||||SALT, and charges behind it where some are posted."""
    front = "|".join(posted.get(name, "") for name in ("key", "txnid", "amount", "productinfo", "firstname", "email", *_UDFS))
    charges = posted.get("additional_charges")
    return _sha512(f"{front}||||||{salt}" + (f"|{charges}" if charges else ""))


def of_answer(answer: Mapping[str, str], salt: str) -> str:
    """SALT|status||||||udf5…udf1|email|firstname|productinfo|amount|txnid|key, and charges before it where some are answered."""
    udfs = "|".join(answer.get(name, "") for name in reversed(_UDFS))
    back = "|".join(answer.get(name, "") for name in ("email", "firstname", "productinfo", "amount", "txnid", "key"))
    charges = answer.get("additionalCharges")
    return _sha512((f"{charges}|" if charges else "") + f"{salt}|{answer.get('status', '')}||||||{udfs}|{back}")


def of_command(key: str, command: str, var1: str, salt: str) -> str:
    """key|command|var1|SALT"""
    return _sha512(f"{key}|{command}|{var1}|{salt}")


def same(expected: str, received: str) -> bool:
    """Whether it is the hash, compared in constant time."""
    return hmac.compare_digest(expected.encode(), received.lower().encode("utf-8", "replace"))


def _sha512(text: str) -> str:
    return hashlib.sha512(text.encode()).hexdigest()
