"""What a check of the books found wrong."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: which check, about what (a public id or an account), and what is wrong."""

    check: str
    subject: str
    message: str
