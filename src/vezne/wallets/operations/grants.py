"""Grants in bulk: many customers' first balances, from a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.identity import customers_by_reference
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.money import Money
from vezne.ledger import ReferenceReused, Refused
from vezne.wallets.kinds import KINDS, KindName, LotType
from vezne.wallets.models import Credit, LotSpec, Moved, Reference, WalletKey
from vezne.wallets.operations.moves import move
from vezne.wallets.operations.wallets import wallets_of
from vezne.wallets.refusals import GrantConflicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A row: `amount_minor` of `currency` for the customer with this reference. `reference` tells the row from all others."""

    reference: str
    customer_reference: str
    kind: KindName
    currency: str
    amount_minor: int
    type: LotType = "purchased"
    origin: str = ""
    expires_at: datetime | None = None
    description: str = ""


async def grant_many(tx: Tx, grants: Sequence[Grant]) -> list[Moved | Refused]:
    """Credit every row, customers and wallets made where they are not; each row answered for itself.

    What customers had elsewhere is theirs, also where it is more than a wallet may be given here.
    A row granted before answers with `again` and changes nothing; with other content it is Refused with GrantConflicts.
    """
    answers: dict[int, Moved | Refused] = {
        index: Refused(refusal) for index, grant in enumerate(grants) if (refusal := _refusal(grant)) is not None
    }
    sound = [(index, grant) for index, grant in enumerate(grants) if index not in answers]
    customers = await customers_by_reference(tx, [grant.customer_reference for _, grant in sound])
    keys = [WalletKey(customers[grant.customer_reference].id, grant.kind, grant.currency) for _, grant in sound]
    wallets = await wallets_of(tx, keys) if keys else {}
    credits_ = [_credit(grant, wallets[key].id) for (_, grant), key in zip(sound, keys, strict=True)] if keys else []
    for (index, grant), outcome in zip(sound, await move(tx, credits_), strict=True):
        conflict = isinstance(outcome, Refused) and isinstance(outcome.error, ReferenceReused)
        answers[index] = Refused(GrantConflicts(reference=grant.reference)) if conflict else outcome
    return [answers[index] for index in range(len(grants))]


def _refusal(grant: Grant) -> Refusal | None:
    try:
        KINDS[grant.kind].demand_currency(grant.currency)
        Money(grant.amount_minor, grant.currency)
    except Refusal as refusal:
        return refusal
    return None


def _credit(grant: Grant, wallet_id: UUID) -> Credit:
    keeps_lots = KINDS[grant.kind].lots is not None
    return Credit(
        wallet_id=wallet_id,
        amount=Money(grant.amount_minor, grant.currency),
        lot=LotSpec(grant.type, grant.origin, grant.expires_at) if keeps_lots else None,
        reference=Reference("grant", grant.reference),
        once=True,
        description=grant.description,
        cause=f"grant:{grant.reference}",
        beyond_limit=True,
    )
