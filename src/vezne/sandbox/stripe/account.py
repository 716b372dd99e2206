"""The account played here: what its ids are made from, where it is reached, and what stands on its dashboard."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from vezne.sandbox.store import Tx

API_VERSION = "2026-10-28.endive"
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LETTERS = 24


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Where the account's owner wants to be told, and in which form: `snapshot`, `thin` or `both`."""

    webhook_url: str | None
    payload: str


def _row(tx: Tx) -> None:
    seed = tx.settings.stripe_seed or secrets.token_hex(16)
    tx.sql.execute("INSERT OR IGNORE INTO stripe_account (id, seed) VALUES (1, ?)", (seed,))


def new_id(tx: Tx, prefix: str, letters: int = _ID_LETTERS) -> str:
    """An id with Stripe's prefix, such as `pi_` and 24 letters. The same seed gives the same row of ids."""
    _row(tx)
    row = tx.sql.execute("UPDATE stripe_account SET made = made + 1 WHERE id = 1 RETURNING seed, made").fetchone()
    number = int.from_bytes(hmac.digest(row["seed"].encode(), f"{prefix}/{row['made']}".encode(), hashlib.sha512), "big")
    text = ""
    while len(text) < letters:
        number, place = divmod(number, len(_LETTERS))
        text += _LETTERS[place]
    return f"{prefix}_{text}"


def keep_base_url(tx: Tx, base_url: str) -> None:
    """Remember where the API was called, so that pages made later stand there too."""
    _row(tx)
    tx.sql.execute("UPDATE stripe_account SET base_url = ? WHERE id = 1 AND base_url <> ?", (base_url, base_url))


def base_url(tx: Tx) -> str:
    """Where the hosted pages are."""
    if tx.settings.public_url:
        return tx.settings.public_url.rstrip("/")
    row = tx.sql.execute("SELECT base_url FROM stripe_account WHERE id = 1").fetchone()
    return "" if row is None else str(row["base_url"])


def dashboard(tx: Tx) -> Dashboard:
    """As it was set last, else as the sandbox was started."""
    row = tx.sql.execute("SELECT webhook_set, webhook_url, webhook_payload FROM stripe_account WHERE id = 1").fetchone()
    if row is None or not row["webhook_set"]:
        return Dashboard(tx.settings.stripe_webhook_url, "snapshot")
    return Dashboard(row["webhook_url"], row["webhook_payload"])


def set_dashboard(tx: Tx, chosen: Dashboard) -> None:
    """Set it; no address: nobody is told."""
    _row(tx)
    tx.sql.execute(
        "UPDATE stripe_account SET webhook_set = 1, webhook_url = ?, webhook_payload = ? WHERE id = 1",
        (chosen.webhook_url, chosen.payload),
    )
