"""Addresses of people, on paper and electronic."""

from vezne.sandbox.stripe.errors import invalid
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.shapes import ADDRESS, Object

_LONGEST_EMAIL = 512


def address(params: Params, name: str = "address") -> Object | None:
    """A postal address, when one was sent."""
    sent = params.inner(name)
    return {part: sent.text(part) for part in ADDRESS} if sent.names() else None


def email(params: Params, name: str = "email", default: str | None = None) -> str | None:
    """An e-mail address, when one was sent."""
    text = params.text(name, default, longest=_LONGEST_EMAIL)
    if text is not None and not (0 < text.find("@") < len(text) - 1 and " " not in text):
        raise invalid(f"Invalid email address: {text[:80]}", params.name(name), "email_invalid")
    return text


def billing_details(params: Params) -> Object:
    """Whose payment method it is."""
    sent = params.inner("billing_details")
    return {
        "address": address(sent) or dict.fromkeys(ADDRESS),
        "email": email(sent),
        "name": sent.text("name"),
        "phone": sent.text("phone"),
        "tax_id": sent.text("tax_id"),
    }
