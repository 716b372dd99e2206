"""Files for the bank: approved payouts, each in one file once, kept sealed so that the same file can be had again."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import currency_is_unit
from vezne.settlements.events import PayoutFiled
from vezne.settlements.models import FileFormat, Payout, PayoutFile, PayoutStatus
from vezne.settlements.operations.paying_out import demand_seen
from vezne.settlements.queries import files as queries
from vezne.settlements.queries import payouts as payout_queries
from vezne.settlements.refusals import (
    PayeeWithoutBank,
    PayoutCurrencyNotReal,
    PayoutFiledAlready,
    PayoutFileMissing,
    PayoutNotApproved,
)
from vezne.settlements.transfer_files import Party, Transfer, csv_file, pain001

_SUFFIX = {"csv": "csv", "pain001": "xml"}


async def make_file(tx: Tx, payout_ids: Sequence[UUID], file_format: FileFormat, *, again: bool = False) -> PayoutFile:
    """A file by which a bank transfers these payouts, all of them approved. A payout goes into a file once, unless `again`.

    Raises PayoutMissing, PayoutNotApproved, PayoutFiledAlready, PayoutCurrencyNotReal, PayeeWithoutBank (also for the tenant
    itself, whose account pain.001 names).
    """
    locked = await payout_queries.lock_payouts(tx, payout_ids)
    chosen = [demand_seen(tx, locked.get(id_), id_) for id_ in dict.fromkeys(payout_ids)]
    for payout in chosen:
        _demand_fileable(payout, again=again)
    file_id, tenant = new_id(), await identity.tenant_of(tx)
    day = tx.now.astimezone(tenant.settings.zone).date()
    transfers = [await _transfer(tx, payout, tenant.name) for payout in chosen]
    if file_format == "csv":
        content = csv_file(transfers)
    else:
        debtor = await _party(tx, await identity.own_payee(tx))
        content = pain001(public_id("fil", file_id), tx.now, day, debtor, transfers)
    made = PayoutFile(
        id=file_id,
        format=file_format,
        name=f"payouts-{day:%Y%m%d}-{public_id('fil', file_id)}.{_SUFFIX[file_format]}",
        payout_ids=tuple(payout.id for payout in chosen),
        created_by=tx.principal.actor,
        created_at=tx.now,
    )
    await queries.insert_file(tx, made, tx.vault.seal(content))
    for payout in chosen:
        await payout_queries.update_payout(tx, replace(payout, file_id=file_id))
        await tx.publish(PayoutFiled(payout_id=payout.id, payee_id=payout.payee_id, file_id=file_id))
    return made


async def payout_file(tx: Tx, file_id: UUID) -> PayoutFile:
    """What a file holds. Raises PayoutFileMissing."""
    found = await queries.select_file(tx, file_id)
    if found is None or tx.principal.payee_id is not None:  # a file names several payees
        raise PayoutFileMissing(file_id=public_id("fil", file_id))
    return found


async def file_content(tx: Tx, file_id: UUID) -> tuple[PayoutFile, bytes]:
    """A file as it was made. Raises PayoutFileMissing."""
    found = await payout_file(tx, file_id)
    return found, tx.vault.open(await queries.select_content(tx, file_id))


def _demand_fileable(payout: Payout, *, again: bool) -> None:
    shown = public_id("pot", payout.id)
    allowed = {PayoutStatus.APPROVED, PayoutStatus.SENT} if again else {PayoutStatus.APPROVED}
    if payout.status not in allowed:
        raise PayoutNotApproved(payout_id=shown, status=payout.status)
    if payout.file_id is not None and not again:
        raise PayoutFiledAlready(payout_id=shown, file_id=public_id("fil", payout.file_id))
    if currency_is_unit(payout.currency):
        raise PayoutCurrencyNotReal(payout_id=shown, currency=payout.currency)


async def _transfer(tx: Tx, payout: Payout, tenant_name: str) -> Transfer:
    return Transfer(
        id=public_id("pot", payout.id),
        to=await _party(tx, await identity.payee(tx, payout.payee_id)),
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        text=payout.note or f"{tenant_name} {payout.number}",
    )


async def _party(tx: Tx, payee: identity.Payee) -> Party:
    iban = await identity.payee_iban(tx, payee.id)
    if iban is None:
        raise PayeeWithoutBank(payee_id=public_id("pye", payee.id))
    return Party(payee.account_holder or payee.name, iban, payee.bic)
