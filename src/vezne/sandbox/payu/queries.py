"""SQL of PayU's transactions, refunds and dashboard."""

import json
from dataclasses import fields
from typing import Any

from vezne.sandbox.payu.models import Refund, Transaction
from vezne.sandbox.store import Tx

_COLUMNS = [field.name for field in fields(Transaction)]
_REFUND = [field.name for field in fields(Refund)]
_INSERT = f"INSERT INTO payu_transactions ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - ours
_UPDATE = f"UPDATE payu_transactions SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE mihpayid = ?"  # noqa: S608 - ours
_INSERT_REFUND = f"INSERT INTO payu_refunds ({', '.join(_REFUND)}) VALUES ({', '.join('?' * len(_REFUND))})"  # noqa: S608 - ours


def _values(transaction: Transaction) -> list[Any]:
    facts = {name: getattr(transaction, name) for name in _COLUMNS}
    return list({**facts, "posted": json.dumps(dict(transaction.posted), ensure_ascii=False)}.values())


def _transaction(row: Any) -> Transaction | None:  # noqa: ANN401 - a row's columns are known to the schema only
    return None if row is None else Transaction(**{**dict(row), "posted": json.loads(row["posted"])})


def insert_transaction(tx: Tx, transaction: Transaction) -> None:
    """Keep a new transaction."""
    tx.sql.execute(_INSERT, _values(transaction))


def update_transaction(tx: Tx, transaction: Transaction) -> None:
    """Keep the transaction as it now is."""
    tx.sql.execute(_UPDATE, [*_values(transaction), transaction.mihpayid])


def select_by_txnid(tx: Tx, txnid: str) -> Transaction | None:
    """The transaction the merchant calls so."""
    return _transaction(tx.sql.execute("SELECT * FROM payu_transactions WHERE txnid = ?", (txnid,)).fetchone())


def select_by_mihpayid(tx: Tx, mihpayid: str) -> Transaction | None:
    """The transaction PayU calls so."""
    return _transaction(tx.sql.execute("SELECT * FROM payu_transactions WHERE mihpayid = ?", (mihpayid,)).fetchone())


def select_by_page(tx: Tx, page: str) -> Transaction | None:
    """The transaction whose page it is."""
    return _transaction(tx.sql.execute("SELECT * FROM payu_transactions WHERE page = ?", (page,)).fetchone())


def insert_refund(tx: Tx, refund: Refund) -> None:
    """Keep a new refund."""
    tx.sql.execute(_INSERT_REFUND, [getattr(refund, name) for name in _REFUND])


def update_refund_status(tx: Tx, request_id: str, status: str) -> None:
    """A refund has come to its end."""
    tx.sql.execute("UPDATE payu_refunds SET status = ? WHERE request_id = ?", (status, request_id))


def select_refund(tx: Tx, request_id: str) -> Refund | None:
    """The refund PayU calls so."""
    row = tx.sql.execute("SELECT * FROM payu_refunds WHERE request_id = ?", (request_id,)).fetchone()
    return None if row is None else Refund(**dict(row))


def select_refunds_of(tx: Tx, mihpayid: str) -> list[Refund]:
    """The refunds of a transaction, oldest first."""
    rows = tx.sql.execute("SELECT * FROM payu_refunds WHERE mihpayid = ? ORDER BY rowid", (mihpayid,))
    return [Refund(**dict(row)) for row in rows]


def select_webhook_url(tx: Tx) -> str | None:
    """Where the merchant wants to be told: as it was set on the dashboard last, else as the sandbox was started."""
    row = tx.sql.execute("SELECT webhook_url FROM payu_dashboard WHERE id = 1").fetchone()
    return tx.settings.payu_webhook_url if row is None else row["webhook_url"]


def upsert_webhook_url(tx: Tx, webhook_url: str | None) -> None:
    """Set it on the dashboard; None: nobody is told."""
    tx.sql.execute("INSERT OR REPLACE INTO payu_dashboard (id, webhook_url) VALUES (1, ?)", (webhook_url,))
