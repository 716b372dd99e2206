"""What credits have granted: their lots, for whoever tells people what they got and until when."""

from collections.abc import Sequence
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.wallets.models import Lot
from vezne.wallets.queries import granted as queries


async def granted_lots(tx: Tx, transaction_ids: Sequence[UUID]) -> list[Lot]:
    """The lots of these credits, in the order of granting; a wallet without lots has none."""
    return await queries.select_granted(tx, transaction_ids) if transaction_ids else []
