"""SQL of the files banks are given."""

from uuid import UUID

from vezne.kernel.db import Tx
from vezne.settlements.models import PayoutFile


async def insert_file(tx: Tx, made: PayoutFile, sealed_content: bytes) -> None:
    """A new file and what stands in it, line by line."""
    await tx.execute(
        """INSERT INTO payout_files (tenant_id, id, format, name, sealed_content, created_by, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        tx.tenant_id,
        made.id,
        made.format,
        made.name,
        sealed_content,
        made.created_by,
        made.created_at,
    )
    await tx.execute(
        """INSERT INTO payout_file_lines (tenant_id, file_id, number, payout_id)
           SELECT $1, $2, line.number, line.payout_id
           FROM unnest($3::uuid[]) WITH ORDINALITY AS line (payout_id, number)""",
        tx.tenant_id,
        made.id,
        made.payout_ids,
    )


async def select_file(tx: Tx, file_id: UUID) -> PayoutFile | None:
    """A file without its content."""
    row = await tx.fetchrow(
        """SELECT files.id, files.format, files.name, files.created_by, files.created_at,
                  (SELECT array_agg(lines.payout_id ORDER BY lines.number) FROM payout_file_lines AS lines
                   WHERE lines.tenant_id = files.tenant_id AND lines.file_id = files.id) AS payout_ids
           FROM payout_files AS files WHERE files.tenant_id = $1 AND files.id = $2""",
        tx.tenant_id,
        file_id,
    )
    return None if row is None else PayoutFile(**{**row, "payout_ids": tuple(row["payout_ids"])})


async def select_content(tx: Tx, file_id: UUID) -> bytes:
    """What is kept of a file that is there: its content, sealed."""
    sealed: bytes = await tx.fetchval(
        "SELECT sealed_content FROM payout_files WHERE tenant_id = $1 AND id = $2", tx.tenant_id, file_id
    )
    return sealed
