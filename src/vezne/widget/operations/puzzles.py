"""altcha: a puzzle that costs a browser a moment and a flood of requests dearly. It asks nobody else, and each is good once."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from altcha.v1 import Challenge, ChallengeOptions, create_challenge, verify_solution

from vezne.kernel import clock
from vezne.kernel.db import Tx
from vezne.kernel.vault import Vault
from vezne.widget import queries
from vezne.widget.models import CaptchaMissing, CaptchaWrong

ALGORITHM: Final = "SHA-256"
HARDEST = 50_000
"""The largest number a browser may have to try: a second or less of its time."""
PUZZLE_LIFE = timedelta(minutes=30)
_FIELD = ("body", "captcha")
_EXPIRES = re.compile(r"[?&]expires=([0-9]{1,12})", re.ASCII)


class _Solution(msgspec.Struct):
    """What a solver sends, in Base64; what else it tells is not read."""

    algorithm: str
    challenge: str
    number: int
    salt: str
    signature: str


def puzzle(vault: Vault, tenant_id: int) -> Challenge:
    """A new puzzle for this tenant's widget."""
    options = ChallengeOptions(
        algorithm=ALGORITHM,
        max_number=HARDEST,
        hmac_key=_key(vault, tenant_id),
        expires=clock.real_now() + PUZZLE_LIFE,
    )
    return create_challenge(options)


async def use(tx: Tx, payload: str | None) -> None:
    """Take a solution, once. Raises CaptchaMissing, CaptchaWrong."""
    if not payload:
        raise CaptchaMissing(loc=_FIELD)
    try:
        solution = msgspec.json.decode(base64.b64decode(payload, validate=True), type=_Solution)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise CaptchaWrong(loc=_FIELD) from None
    right, _ = verify_solution(payload, _key(tx.vault, tx.tenant_id))
    if not right or solution.algorithm != ALGORITHM:
        raise CaptchaWrong(loc=_FIELD)
    if not await queries.insert_used_captcha(tx, solution.challenge, _end(solution.salt), clock.real_now()):
        raise CaptchaWrong(loc=_FIELD)


def _end(salt: str) -> datetime:
    """When a puzzle that we signed is over."""
    found = _EXPIRES.search(salt)
    return datetime.fromtimestamp(0 if found is None else int(found[1]), UTC)


def _key(vault: Vault, tenant_id: int) -> str:
    return vault.key(f"widget puzzles of {tenant_id}").hex()
