"""SQL of payments, refunds and timers."""

from dataclasses import astuple, fields
from datetime import timedelta
from typing import Any

from vezne.sandbox.models import Payment, Refund, RefundStatus, Status, StoredCard
from vezne.sandbox.refusals import no_such
from vezne.sandbox.store import Tx

_PAYMENT = [field.name for field in fields(Payment)]
_REFUND = [field.name for field in fields(Refund)]
_CARD = [field.name for field in fields(StoredCard)]


def _insert(table: str, columns: list[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - our own names


def _update(table: str, columns: list[str]) -> str:
    return f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?"  # noqa: S608 - our own names


_INSERT_PAYMENT, _UPDATE_PAYMENT = _insert("payments", _PAYMENT), _update("payments", _PAYMENT)
_INSERT_REFUND, _UPDATE_REFUND = _insert("refunds", _REFUND), _update("refunds", _REFUND)

_INSERT_CARD = _insert("stored_cards", _CARD)


def _payment(row: Any) -> Payment:  # noqa: ANN401 - a row's columns are known to the schema only
    flags = {name: bool(row[name]) for name in ("save_card", "off_session")}
    return Payment(**{**dict(row), **flags, "status": Status(row["status"])})


def _refund(row: Any) -> Refund:  # noqa: ANN401 - as above
    return Refund(**{**dict(row), "status": RefundStatus(row["status"])})


def insert_payment(tx: Tx, payment: Payment) -> None:
    """Keep a new payment."""
    tx.sql.execute(_INSERT_PAYMENT, astuple(payment))


def update_payment(tx: Tx, payment: Payment) -> None:
    """Keep the payment as it now is."""
    tx.sql.execute(_UPDATE_PAYMENT, (*astuple(payment), payment.id))


def select_payment(tx: Tx, payment_id: str) -> Payment:
    """The payment; Refused with 404 when there is none."""
    row = tx.sql.execute("SELECT * FROM payments WHERE id = ?", (payment_id,)).fetchone()
    if row is None:
        raise no_such("payment", payment_id)
    return _payment(row)


def select_payment_by_reference(tx: Tx, merchant_reference: str) -> Payment | None:
    """The payment the merchant calls so."""
    row = tx.sql.execute("SELECT * FROM payments WHERE merchant_reference = ?", (merchant_reference,)).fetchone()
    return None if row is None else _payment(row)


def select_payments(tx: Tx, *, limit: int, after: str | None) -> list[Payment]:
    """Payments, newest first, those older than `after` when it is given."""
    rows = tx.sql.execute(
        "SELECT * FROM payments WHERE rowid < coalesce((SELECT rowid FROM payments WHERE id = ?), 9223372036854775807)"
        " ORDER BY rowid DESC LIMIT ?",
        (after, limit),
    )
    return [_payment(row) for row in rows]


def insert_refund(tx: Tx, refund: Refund) -> None:
    """Keep a new refund."""
    tx.sql.execute(_INSERT_REFUND, astuple(refund))


def update_refund(tx: Tx, refund: Refund) -> None:
    """Keep the refund as it now is."""
    tx.sql.execute(_UPDATE_REFUND, (*astuple(refund), refund.id))


def select_refund(tx: Tx, refund_id: str) -> Refund:
    """The refund; Refused with 404 when there is none."""
    row = tx.sql.execute("SELECT * FROM refunds WHERE id = ?", (refund_id,)).fetchone()
    if row is None:
        raise no_such("refund", refund_id)
    return _refund(row)


def select_refund_by_reference(tx: Tx, merchant_reference: str) -> Refund | None:
    """The refund the merchant calls so."""
    row = tx.sql.execute("SELECT * FROM refunds WHERE merchant_reference = ?", (merchant_reference,)).fetchone()
    return None if row is None else _refund(row)


def select_refunds_of(tx: Tx, payment_id: str) -> list[Refund]:
    """The refunds of a payment, oldest first."""
    return [_refund(row) for row in tx.sql.execute("SELECT * FROM refunds WHERE payment_id = ? ORDER BY rowid", (payment_id,))]


def insert_request(tx: Tx, object_id: str, fingerprint: str) -> None:
    """Remember what was asked when this object was made."""
    tx.sql.execute("INSERT INTO requests (object_id, fingerprint) VALUES (?, ?)", (object_id, fingerprint))


def select_request(tx: Tx, object_id: str) -> str:
    """The fingerprint of what was asked when this object was made."""
    row = tx.sql.execute("SELECT fingerprint FROM requests WHERE object_id = ?", (object_id,)).fetchone()
    return str(row["fingerprint"])


def insert_timer(tx: Tx, wait: timedelta, what: str, subject: str) -> None:
    """Let `what` happen to `subject` after `wait`."""
    tx.sql.execute("INSERT INTO timers (due_at, what, subject) VALUES (?, ?, ?)", (tx.after(wait), what, subject))


def pop_due_timers(tx: Tx) -> list[tuple[str, str]]:
    """What is due by now, with its subject, in order. It is not due again."""
    rows = tx.sql.execute("SELECT id, what, subject FROM timers WHERE due_at <= ? ORDER BY due_at, id", (tx.stamp,)).fetchall()
    tx.sql.executemany("DELETE FROM timers WHERE id = ?", [(row["id"],) for row in rows])
    return [(row["what"], row["subject"]) for row in rows]


def insert_card(tx: Tx, card: StoredCard) -> None:
    """Keep a card."""
    tx.sql.execute(_INSERT_CARD, astuple(card))


def select_card(tx: Tx, card_id: str) -> StoredCard:
    """The stored card, a removed one too; Refused with 404 when there is none."""
    row = tx.sql.execute("SELECT * FROM stored_cards WHERE id = ?", (card_id,)).fetchone()
    if row is None:
        raise no_such("method", card_id)
    return StoredCard(**dict(row))


def select_card_of(tx: Tx, customer: str, last4: str) -> StoredCard | None:
    """The customer's card that ends so, while it is kept."""
    row = tx.sql.execute(
        "SELECT * FROM stored_cards WHERE customer = ? AND card_last4 = ? AND removed_at IS NULL", (customer, last4)
    ).fetchone()
    return None if row is None else StoredCard(**dict(row))


def select_cards(tx: Tx, customer: str, *, limit: int, after: str | None) -> list[StoredCard]:
    """The customer's cards that are kept, newest first, those older than `after` when it is given."""
    rows = tx.sql.execute(
        "SELECT * FROM stored_cards WHERE customer = ? AND removed_at IS NULL"
        " AND rowid < coalesce((SELECT rowid FROM stored_cards WHERE id = ?), 9223372036854775807) ORDER BY rowid DESC LIMIT ?",
        (customer, after, limit),
    )
    return [StoredCard(**dict(row)) for row in rows]


def update_card(tx: Tx, card_id: str, *, acts_like: str) -> None:
    """How the card goes when it is charged."""
    tx.sql.execute("UPDATE stored_cards SET acts_like = ? WHERE id = ?", (acts_like, card_id))


def mark_card_removed(tx: Tx, card_id: str) -> None:
    """The card is kept no more."""
    tx.sql.execute("UPDATE stored_cards SET removed_at = ? WHERE id = ? AND removed_at IS NULL", (tx.stamp, card_id))
