"""Reading the ledger over HTTP: the trial balance and single entries."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from vezne.kernel.http import TxDep, refusals, router
from vezne.kernel.ids import PublicId
from vezne.ledger.models import EntryMissing, EntryRecord, TrialLine
from vezne.ledger.operations import accounts, statements

api = router("/v1/ledger", "Ledger", permission="ledger.read")

EntryId = Annotated[UUID, PublicId("ent")]


class TrialLineOut(BaseModel):
    """All accounts of one code in one currency."""

    code: str = Field(description="`wallets` is all wallets together", examples=["revenue"])
    currency: str
    accounts: int = Field(description="how many rows it is made of")
    balance_minor: int
    held_minor: int = Field(description="of the balance, held back for captures to come")


class TrialBalanceOut(BaseModel):
    """Every account code; each currency sums to zero."""

    data: list[TrialLineOut]
    balanced: bool


class LineOut(BaseModel):
    """One posting of an entry."""

    account: int
    sequence: int = Field(description="the account's own count, without gaps")
    amount_minor: int = Field(description="positive: more for the account's holder")
    balance_after_minor: int


class EntryOut(BaseModel):
    """An entry: postings that happened together and sum to zero."""

    id: EntryId
    kind: str
    reference: str | None = Field(description="the one cause this entry was posted for")
    description: str
    details: dict[str, Any]
    actor: str
    posted_at: datetime
    lines: list[LineOut]


@api.get("/trial-balance")
async def get_trial_balance(tx: TxDep) -> TrialBalanceOut:
    """The balance of every account code by currency, as of now."""
    lines = await accounts.trial_balance(tx)
    totals: dict[str, int] = {}
    for line in lines:
        totals[line.currency] = totals.get(line.currency, 0) + line.balance
    return TrialBalanceOut(data=[_trial_line(line) for line in lines], balanced=not any(totals.values()))


@api.get("/entries/{entry_id}", responses=refusals(EntryMissing))
async def get_entry(entry_id: EntryId, tx: TxDep) -> EntryOut:
    """One entry with its lines."""
    return _entry(await statements.entry(tx, entry_id))


def _trial_line(line: TrialLine) -> TrialLineOut:
    return TrialLineOut(
        code=line.code, currency=line.currency, accounts=line.accounts, balance_minor=line.balance, held_minor=line.held
    )


def _entry(record: EntryRecord) -> EntryOut:
    return EntryOut(
        id=record.id,
        kind=record.kind,
        reference=record.reference,
        description=record.description,
        details=dict(record.details),
        actor=record.actor,
        posted_at=record.posted_at,
        lines=[
            LineOut(
                account=line.account,
                sequence=line.sequence,
                amount_minor=line.amount,
                balance_after_minor=line.balance_after,
            )
            for line in record.lines
        ],
    )
