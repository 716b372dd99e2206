"""The audit: the books checked on another path than the one that wrote them."""

import hmac

from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.ledger import queries_checks as queries
from vezne.ledger.operations.seals import chain, sign

_FIRST = 10
_GENESIS = bytes(32)


async def audit(tx: Tx, *, seal_key: bytes | None = None) -> list[Finding]:
    """Recompute everything from the postings; the first ten findings of each check, the first wrong row first.

    Checks: every entry sums to zero per currency; no posting without entry or account; sequences without gaps, balances that
    add up, times that do not go back; accounts equal to their last posting; seals unbroken, and signed when `seal_key` is given.
    """
    await queries.prepare_to_read_everything(tx)
    findings = [
        Finding("entry sums to zero", public_id("ent", entry), f"off by {total} in {currency}")
        for entry, currency, total in await queries.select_unbalanced_entries(tx, _FIRST)
    ]
    findings += [
        Finding("posting has entry and account", f"account {account}, posting {sequence}", "one of them is missing")
        for account, sequence in await queries.select_orphan_postings(tx, _FIRST)
    ]
    await queries.prepare_to_look_up(tx)
    findings += [
        Finding("postings follow one another", f"account {account}, posting {sequence}", f"wrong {fault}")
        for account, sequence, fault in await queries.select_broken_chains(tx, _FIRST)
    ]
    findings += [
        Finding(
            "account equals its postings", f"account {account}", f"holds {balance} at {sequence}, postings say {said} at {last}"
        )
        for account, balance, sequence, said, last in await queries.select_wrong_accounts(tx, _FIRST)
    ]
    return findings + await _audit_seals(tx, seal_key)


async def _audit_seals(tx: Tx, seal_key: bytes | None) -> list[Finding]:
    previous = _GENESIS
    sealed: dict[int, int] = {}
    for expected, seal in enumerate(await queries.select_seals(tx), start=1):
        ranges = await queries.select_ranges(tx, seal.number)
        fault = _seal_fault(seal, ranges, expected, previous, seal_key)
        if fault is not None:
            return [Finding("seals are unbroken", f"seal {seal.number}", fault)]
        now = await queries.select_digests(tx, [(part.account, part.from_sequence, part.to_sequence) for part in ranges])
        for part, found in zip(ranges, now, strict=True):
            name = f"account {part.account}, postings {part.from_sequence} to {part.to_sequence}"
            if part.from_sequence != sealed.get(part.account, 0) + 1:
                return [Finding("seals leave nothing out", name, f"sealed before to {sealed.get(part.account, 0)}")]
            if part.digest != found.digest:
                return [Finding("sealed postings are unchanged", name, f"not what seal {seal.number} was made over")]
            sealed[part.account] = part.to_sequence
        previous = seal.hash
    return []


def _seal_fault(
    seal: queries.Seal, ranges: list[queries.SealRange], expected: int, previous: bytes, seal_key: bytes | None
) -> str | None:
    if seal.number != expected:
        return f"seal {expected} is missing"
    if seal.previous_hash != previous:
        return "does not follow on the seal before it"
    if seal.hash != chain(previous, seal.number, ranges):
        return "its hash is not that of its ranges"
    if seal_key is not None and not hmac.compare_digest(seal.signature, sign(seal_key, seal.hash)):
        return "its signature is not ours"
    return None
