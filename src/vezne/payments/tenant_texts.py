"""A tenant's number as it stands in public addresses and in what providers are told."""

_TENANT_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def tenant_text(tenant_id: int) -> str:
    """The tenant's number as it stands in public addresses (base 32 without i, l, o, u)."""
    digits = ""
    while tenant_id or not digits:
        tenant_id, digit = divmod(tenant_id, 32)
        digits = _TENANT_DIGITS[digit] + digits
    return digits


def tenant_number(text: str) -> int:
    """The number that `tenant_text` wrote. Raises ValueError."""
    if not 1 <= len(text) <= 12:  # noqa: PLR2004 - 60 bits
        raise ValueError("no tenant's number")
    number = 0
    for char in text:
        number = number * 32 + _TENANT_DIGITS.index(char)
    return number
