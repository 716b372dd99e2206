"""Seals: a chain of SHA-256 over closed ranges of postings and their entries, its head signed.

A range is closed by an account's gap-free sequence, which is given under the account's lock: what is committed later has a
higher sequence, so no late committer can slip into a range already sealed. Each seal's hash covers the hash before it and
the digests of its ranges; the signature (HMAC-SHA-256 with a key kept outside the database) keeps whoever can write to the
database from forging a whole new chain.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.ledger import queries_checks as queries

_GENESIS = bytes(32)
_OLDEST = UUID(int=0)
_OVERLAP = timedelta(minutes=15)
_ACCOUNTS_PER_SEAL = 100_000
_CLOCK_BITS = 80


async def seal(tx: Tx, key: bytes) -> int | None:
    """Seal what was posted since the last seal, signing with `key`; the new seal's number, or None when all is sealed.

    Called again at once it finds nothing to seal. Two sealers at once: the second fails on the seal's number and seals later.
    """
    last = await queries.select_last_seal(tx)
    newest = await queries.select_newest_entry(tx)
    if newest is None:
        return None
    ranges = await queries.select_open_ranges(tx, _with_overlap(last), _ACCOUNTS_PER_SEAL)
    if not ranges:
        return None
    covered = await queries.select_digests(tx, ranges)
    number = 1 if last is None else last.number + 1
    previous = _GENESIS if last is None else last.hash
    digest = chain(previous, number, covered)
    whole = len(ranges) < _ACCOUNTS_PER_SEAL
    sealed_to = newest if whole or last is None else last.sealed_to
    if not whole and last is None:
        sealed_to = _OLDEST
    await queries.insert_seal(tx, queries.Seal(number, previous, digest, sign(key, digest), sealed_to), covered)
    return number


def chain(previous: bytes, number: int, covered: Sequence[queries.SealRange]) -> bytes:
    """The hash of a seal."""
    state = hashlib.sha256(previous)
    state.update(f"{number}".encode())
    for part in covered:
        state.update(f"|{part.account}:{part.from_sequence}-{part.to_sequence}=".encode() + part.digest)
    return state.digest()


def sign(key: bytes, digest: bytes) -> bytes:
    """The signature of a seal's hash."""
    return hmac.digest(key, digest, "sha256")


def _with_overlap(last: queries.Seal | None) -> UUID:
    """Where to look for what moved: ids are time-ordered, but a transaction may commit minutes after its ids were made."""
    if last is None or last.sealed_to == _OLDEST:
        return _OLDEST
    back = int(_OVERLAP // timedelta(milliseconds=1))
    return UUID(int=max(0, last.sealed_to.int - (back << _CLOCK_BITS)))
