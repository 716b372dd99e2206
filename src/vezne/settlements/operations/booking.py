"""The ledger's side of settlements: the accounts of payees and of the house, and entries that must stand."""

from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from vezne import identity, ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.settlements.models import Move, PayeeAccounts, Settlement
from vezne.settlements.queries import settlements as queries

FEES, PAYOUTS, BANK, UNAPPLIED = "fees", "payouts", "bank", "unapplied"
"""The house's accounts: the platform's commission; payouts under way; what left for payees; money not yet given to anyone."""
KINDS = {
    "sale": "settlement.made",
    "claw_back": "settlement.clawed_back",
    "given_again": "settlement.given_again",
    "release": "settlement.released",
}
"""The kind of a move's ledger entry."""


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day in the tenant's zone."""
    return datetime.combine(day, time.min, zone)


async def accounts_of(tx: Tx, payee_id: UUID, currency: str) -> PayeeAccounts:
    """The payee's two accounts of a currency, opened when first needed; its own has no floor: what a payee owes is carried.

    Raises PayeeUnknown.
    """
    known = await queries.select_accounts(tx, payee_id, currency)
    if known:
        return known[0]
    await identity.payee(tx, payee_id)
    account, reserve = await ledger.open_accounts(
        tx,
        [
            ledger.AccountSpec(f"payee:{payee_id}", currency, floor=None),
            ledger.AccountSpec(f"payee_reserve:{payee_id}", currency, floor=0),
        ],
    )
    opened = PayeeAccounts(payee_id=payee_id, currency=currency, account=account, reserve_account=reserve)
    await queries.insert_accounts(tx, opened)
    return opened


async def entry_of(tx: Tx, settlement: Settlement, move: Move, accounts: PayeeAccounts) -> ledger.Entry | None:
    """The entry that books a move; None when it moves nothing."""
    amounts = {
        ledger.AccountId(accounts.account): move.payee_minor,
        ledger.AccountId(accounts.reserve_account): move.reserve_minor,
    }
    if move.fee_minor:
        amounts[await ledger.house_account(tx, FEES, move.currency)] = move.fee_minor
    if move.gross_minor:
        amounts[await ledger.house_account(tx, UNAPPLIED, move.currency)] = -move.gross_minor
    postings = tuple(ledger.Posting(account, amount) for account, amount in amounts.items() if amount)
    if not postings:
        return None
    return ledger.Entry(
        id=new_id(),
        kind=KINDS[move.kind],
        postings=postings,
        reference=f"settlement:{settlement.id}:{move.kind}:{move.cause}",
        description=settlement.description,
        details={
            "settlement_id": public_id("stl", settlement.id),
            "order_id": public_id("ord", settlement.order_id),
            "line_id": public_id("oli", settlement.line_id),
            "cause": move.cause,
        },
    )


async def post(tx: Tx, entries: list[ledger.Entry]) -> None:
    """Post entries that must all stand. Raises what the ledger refuses one with."""
    for answer in await ledger.post(tx, entries):
        if isinstance(answer, ledger.Refused):
            raise answer.error
