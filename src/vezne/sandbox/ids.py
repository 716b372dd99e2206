"""Names of things at the simulated provider."""

import secrets


def new_id(prefix: str) -> str:
    """A name nobody can guess, such as `sim_pay_` and 32 hexadecimal digits."""
    return f"{prefix}_{secrets.token_hex(16)}"
