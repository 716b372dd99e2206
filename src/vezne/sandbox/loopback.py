"""This machine and nothing else: the sandbox listens on loopback only and calls loopback only.

A test gateway that could be reached from elsewhere, or that could be told to call elsewhere, would one day be.
"""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

_URL = re.compile(r"https?://[!-\[\]-~]+")  # printable ASCII without the backslash, which browsers read as a slash
LONGEST_URL = 2048


def is_loopback(host: str) -> bool:
    """Whether `host` is `localhost` or a literal address of 127.0.0.0/8 or ::1. No name is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def loopback_url(text: str) -> str:
    """The text, when it is an http or https address on loopback; otherwise ValueError says why not."""
    if len(text) > LONGEST_URL or not _URL.fullmatch(text):
        raise ValueError(f"must be an http or https URL of at most {LONGEST_URL} printable ASCII characters")
    parts = urlsplit(text)
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user name or a password")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("must name a port between 0 and 65535") from None
    if not is_loopback(parts.hostname or ""):
        raise ValueError("must be on loopback (127.0.0.0/8, ::1 or localhost): the sandbox calls no other machine")
    return text


def with_payment(return_url: str, payment_id: str) -> str:
    """The merchant's return address with `payment=<id>` added to its query; all else in it stays as it was."""
    parts = urlsplit(return_url)
    query = f"{parts.query}&payment={payment_id}" if parts.query else f"payment={payment_id}"
    return urlunsplit(parts._replace(query=query, path=parts.path or "/"))
