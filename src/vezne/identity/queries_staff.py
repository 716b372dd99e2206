"""The SQL of staff, their invitations and sessions."""

from datetime import datetime
from uuid import UUID

from asyncpg import Record

from vezne.identity.models_staff import Proof, Staff, StaffSession, Stage
from vezne.kernel.db import Tx


async def insert_staff(tx: Tx, person: Staff) -> bool:
    """Write a new member of staff; False when the e-mail is taken."""
    return bool(
        await tx.execute(
            """INSERT INTO staff (tenant_id, id, email, name, role, payee_id, locale, active, totp_step, recovery, refusals,
                                  created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '{}', 0, $9) ON CONFLICT (tenant_id, email) DO NOTHING""",
            tx.tenant_id,
            person.id,
            person.email,
            person.name,
            person.role,
            person.payee_id,
            person.locale,
            person.active,
            person.created_at,
        )
    )


async def select_staff(tx: Tx, staff_id: UUID) -> Staff | None:
    """One member of staff."""
    row = await tx.fetchrow("SELECT * FROM staff WHERE tenant_id = $1 AND id = $2", tx.tenant_id, staff_id)
    return None if row is None else _staff(row)


async def lock_staff(tx: Tx, staff_id: UUID) -> tuple[Staff, Proof] | None:
    """One member of staff with what proves them, locked until the transaction ends."""
    row = await tx.fetchrow("SELECT * FROM staff WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, staff_id)
    return None if row is None else (_staff(row), _proof(row))


async def select_proof(tx: Tx, email: str) -> tuple[Staff, Proof] | None:
    """Whoever has this e-mail, with what proves them."""
    row = await tx.fetchrow("SELECT * FROM staff WHERE tenant_id = $1 AND email = $2", tx.tenant_id, email)
    return None if row is None else (_staff(row), _proof(row))


async def select_all_staff(tx: Tx, *, before: UUID | None, limit: int | None) -> list[Staff]:
    """Staff, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM staff WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3""",
        tx.tenant_id,
        before,
        limit,
    )
    return [_staff(row) for row in rows]


async def lock_owners(tx: Tx) -> list[UUID]:
    """The active owners, locked in the order of their ids."""
    rows = await tx.fetch(
        "SELECT id FROM staff WHERE tenant_id = $1 AND role = 'owner' AND active ORDER BY id FOR UPDATE", tx.tenant_id
    )
    return [row["id"] for row in rows]


async def update_staff(tx: Tx, person: Staff) -> None:
    """Write what others may change of a member of staff."""
    await tx.execute(
        """UPDATE staff SET name = $3, role = $4, payee_id = $5, locale = $6, active = $7 WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        person.id,
        person.name,
        person.role,
        person.payee_id,
        person.locale,
        person.active,
    )


async def update_password(tx: Tx, staff_id: UUID, password_hash: str) -> None:
    """A new password; guesses at the old one are forgotten."""
    await tx.execute(
        "UPDATE staff SET password_hash = $3, refusals = 0, paused_until = NULL WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        staff_id,
        password_hash,
    )


async def update_refusals(tx: Tx, staff_id: UUID, refusals: int, paused_until: datetime | None) -> None:
    """How often in a row somebody guessed wrong, and until when nobody may guess."""
    await tx.execute(
        "UPDATE staff SET refusals = $3, paused_until = $4 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        staff_id,
        refusals,
        paused_until,
    )


async def mark_signed_in(tx: Tx, staff_id: UUID, at: datetime) -> None:
    """When they last signed in; the guesses before are forgotten."""
    await tx.execute(
        "UPDATE staff SET signed_in_at = $3, refusals = 0, paused_until = NULL WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        staff_id,
        at,
    )


async def update_second_factor(
    tx: Tx, staff_id: UUID, *, secret: bytes | None, since: datetime | None, step: int, recovery: list[bytes]
) -> None:
    """Propose, confirm or (null) remove a second factor."""
    await tx.execute(
        "UPDATE staff SET totp_secret = $3, totp_since = $4, totp_step = $5, recovery = $6 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        staff_id,
        secret,
        since,
        step,
        recovery,
    )


async def insert_invitation(
    tx: Tx, invitation_id: UUID, staff_id: UUID, hash_: bytes, *, expires_at: datetime, created_at: datetime
) -> None:
    """A new invitation."""
    await tx.execute(
        """INSERT INTO staff_invitations (tenant_id, id, staff_id, token_hash, expires_at, created_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        tx.tenant_id,
        invitation_id,
        staff_id,
        hash_,
        expires_at,
        created_at,
    )


async def mark_invitations_ended(tx: Tx, staff_id: UUID, at: datetime) -> None:
    """No invitation of theirs is good any more."""
    await tx.execute(
        "UPDATE staff_invitations SET ended_at = $3 WHERE tenant_id = $1 AND staff_id = $2 AND ended_at IS NULL",
        tx.tenant_id,
        staff_id,
        at,
    )


async def select_invited(tx: Tx, hash_: bytes, now: datetime) -> UUID | None:
    """Whom an invitation that stands invites."""
    found: UUID | None = await tx.fetchval(
        """SELECT staff_id FROM staff_invitations
           WHERE tenant_id = $1 AND token_hash = $2 AND ended_at IS NULL AND expires_at > $3""",
        tx.tenant_id,
        hash_,
        now,
    )
    return found


async def insert_session(tx: Tx, session: StaffSession, hash_: bytes) -> None:
    """A new session."""
    await tx.execute(
        """INSERT INTO staff_sessions (tenant_id, id, staff_id, token_hash, stage, client, seen_at, expires_at, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        tx.tenant_id,
        session.id,
        session.staff_id,
        hash_,
        session.stage,
        session.client,
        session.seen_at,
        session.expires_at,
        session.created_at,
    )


async def select_session(tx: Tx, hash_: bytes) -> tuple[StaffSession, Staff] | None:
    """The session with this token that nobody has ended, and whose it is."""
    row = await tx.fetchrow(
        "SELECT * FROM staff_sessions WHERE tenant_id = $1 AND token_hash = $2 AND ended_at IS NULL", tx.tenant_id, hash_
    )
    if row is None:
        return None
    person = await select_staff(tx, row["staff_id"])
    return None if person is None else (_session(row), person)


async def select_sessions(tx: Tx, staff_id: UUID) -> list[StaffSession]:
    """Their sessions that nobody has ended, newest first."""
    rows = await tx.fetch(
        "SELECT * FROM staff_sessions WHERE tenant_id = $1 AND staff_id = $2 AND ended_at IS NULL ORDER BY id DESC",
        tx.tenant_id,
        staff_id,
    )
    return [_session(row) for row in rows]


async def mark_session_seen(tx: Tx, session_id: UUID, at: datetime) -> None:
    """A request came in the session."""
    await tx.execute("UPDATE staff_sessions SET seen_at = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, session_id, at)


async def mark_session_ended(tx: Tx, session_id: UUID, at: datetime) -> bool:
    """End a session; False when it was ended before."""
    return bool(
        await tx.execute(
            "UPDATE staff_sessions SET ended_at = $3 WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL",
            tx.tenant_id,
            session_id,
            at,
        )
    )


async def mark_sessions_ended(tx: Tx, staff_id: UUID, at: datetime, *, but: UUID | None = None) -> list[UUID]:
    """End their sessions, all or all but one; those ended."""
    rows = await tx.fetch(
        """UPDATE staff_sessions SET ended_at = $3
           WHERE tenant_id = $1 AND staff_id = $2 AND ended_at IS NULL AND id IS DISTINCT FROM $4 RETURNING id""",
        tx.tenant_id,
        staff_id,
        at,
        but,
    )
    return [row["id"] for row in rows]


def _staff(row: Record) -> Staff:
    return Staff(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        role=row["role"],
        payee_id=row["payee_id"],
        locale=row["locale"],
        active=row["active"],
        has_password=row["password_hash"] is not None,
        second_factor=row["totp_since"] is not None,
        signed_in_at=row["signed_in_at"],
        created_at=row["created_at"],
    )


def _proof(row: Record) -> Proof:
    return Proof(
        password_hash=row["password_hash"],
        totp_secret=row["totp_secret"],
        totp_since=row["totp_since"],
        totp_step=row["totp_step"],
        recovery=tuple(row["recovery"]),
        refusals=row["refusals"],
        paused_until=row["paused_until"],
    )


def _session(row: Record) -> StaffSession:
    stage: Stage = row["stage"]
    return StaffSession(
        id=row["id"],
        staff_id=row["staff_id"],
        stage=stage,
        client=row["client"],
        seen_at=row["seen_at"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
    )
