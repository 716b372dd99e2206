"""Codes: one that people remember, or thousands that each work once."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.promos import queries
from vezne.promos.events import CodeChanged, CodeCreated
from vezne.promos.folding import new_code, read_code
from vezne.promos.models import Code, Performance, Redemption
from vezne.promos.operations.promotions import promotion
from vezne.promos.refusals import PromoCodeMalformed, PromoCodeTaken, PromoCodeUnknown, UsesBelowTaken

MOST = 10_000
"""How many codes one call makes."""
LONGEST_PREFIX = 20


async def create_code(tx: Tx, promotion_id: UUID, text: str, *, max_uses: int | None = None) -> Code:
    """Make a code of a promotion, good for `max_uses` (None: as many as the promotion has).

    Raises PromotionUnknown, PromoCodeMalformed, PromoCodeTaken.
    """
    await promotion(tx, promotion_id)
    read = read_code(text)
    if read is None:
        raise PromoCodeMalformed(loc=("body", "code"), code=text[:64])
    code = _code(tx, promotion_id, read[0], read[1], max_uses)
    if not await queries.insert_codes(tx, [code]):
        raise PromoCodeTaken(loc=("body", "code"), code=read[0])
    await tx.publish(CodeCreated(code_id=code.id, promo_id=promotion_id, count=1))
    return code


async def create_codes(tx: Tx, promotion_id: UUID, count: int, *, prefix: str = "", max_uses: int | None = 1) -> list[Code]:
    """Make up to MOST codes at once that nobody can guess. Raises PromotionUnknown, PromoCodeMalformed for the prefix."""
    if not 0 < count <= MOST:
        raise ValueError(f"1 to {MOST} codes are made at once")
    await promotion(tx, promotion_id)
    read = read_code(f"{prefix}-{new_code()}" if prefix else new_code())
    if read is None or len(prefix) > LONGEST_PREFIX:
        raise PromoCodeMalformed(loc=("body", "prefix"), code=prefix[:64])
    made: list[Code] = []
    while len(made) < count:  # one that is taken, against all odds, is made anew
        fresh = dict(_fresh(prefix, count - len(made)))
        made += await queries.insert_codes(
            tx, [_code(tx, promotion_id, shown, folded, max_uses) for shown, folded in fresh.items()]
        )
    await tx.publish(CodeCreated(code_id=made[0].id, promo_id=promotion_id, count=count))
    return made


def _fresh(prefix: str, count: int) -> Sequence[tuple[str, str]]:
    read = [read_code(new_code(prefix)) for _ in range(count)]
    return [each for each in read if each is not None]


def _code(tx: Tx, promotion_id: UUID, shown: str, folded: str, max_uses: int | None) -> Code:
    return Code(
        id=new_id(),
        promotion_id=promotion_id,
        code=shown,
        folded=folded,
        max_uses=max_uses,
        uses=0,
        active=True,
        created_at=tx.now,
    )


async def change_code(tx: Tx, code_id: UUID, **changes: Any) -> Code:  # noqa: ANN401 - either of the two
    """Say whether a code is taken (`active`), or how often (`max_uses`; None: as its promotion).

    What is reserved or redeemed stays; the same again changes nothing.

    Raises PromoCodeUnknown, UsesBelowTaken.
    """
    found = await queries.select_code(tx, code_id)
    if found is None:
        raise PromoCodeUnknown(code_id=public_id("pcd", code_id))
    await queries.lock_promotion(tx, found.promotion_id)  # before its codes, always in that order
    before = await queries.lock_code(tx, code_id) or found
    after = replace(before, **{name: changes[name] for name in ("active", "max_uses") if name in changes})
    if after.max_uses != before.max_uses:
        uses = 0 if after.max_uses is None else await queries.count_uses(tx, code_id=code_id)
        if after.max_uses is not None and uses > after.max_uses:
            raise UsesBelowTaken(loc=("body", "max_uses"), uses=uses, maximum=after.max_uses)
        after = replace(after, uses=uses)
    if after != before:
        await queries.update_code(tx, after)
        await tx.publish(CodeChanged(code_id=code_id, promo_id=after.promotion_id, active=after.active))
    return after


async def code(tx: Tx, code_id: UUID) -> Code:
    """The code. Raises PromoCodeUnknown."""
    found = await queries.select_code(tx, code_id)
    if found is None:
        raise PromoCodeUnknown(code_id=public_id("pcd", code_id))
    return found


async def codes(
    tx: Tx, *, limit: int, before: UUID | None = None, promotion_id: UUID | None = None, text: str | None = None
) -> list[Code]:
    """Codes, newest first; of one promotion, or the one that reads `text`."""
    read = None if text is None else read_code(text)
    if text is not None and read is None:
        return []
    folded = None if read is None else read[1]
    return await queries.select_codes(tx, limit=limit, before=before, promotion_id=promotion_id, folded=folded)


async def written(tx: Tx, promotion_id: UUID) -> str:
    """All codes of a promotion as CSV (RFC 4180), oldest first. Raises PromotionUnknown."""
    await promotion(tx, promotion_id)
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["code", "max_uses", "uses", "active", "created_at"])
    for code, used in await queries.select_codes_with_uses(tx, promotion_id):
        limit = "" if code.max_uses is None else code.max_uses
        rows.writerow([code.code, limit, used, "yes" if code.active else "no", code.created_at.isoformat()])
    return text.getvalue()


async def code_performance(tx: Tx, code_id: UUID) -> list[Performance]:
    """What one code has done, in each currency. Raises PromoCodeUnknown."""
    await code(tx, code_id)
    return await queries.select_performance(tx, code_id=code_id)


async def redemptions_of(tx: Tx, order_ids: Sequence[UUID]) -> list[Redemption]:
    """The uses that these orders have reserved, redeemed or released."""
    return await queries.select_redemptions(tx, order_ids)


async def redemptions(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None = None,
    promotion_id: UUID | None = None,
    code_id: UUID | None = None,
    customer_id: UUID | None = None,
) -> list[Redemption]:
    """Uses, newest first."""
    return await queries.select_redemptions_page(
        tx, limit=limit, before=before, promotion_id=promotion_id, code_id=code_id, customer_id=customer_id
    )
