"""What is left of the lots of one type, told apart by their origin, in many wallets at once."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.wallets.kinds import LotType
from vezne.wallets.queries import lots as queries


async def unspent(tx: Tx, wallet_ids: Sequence[UUID], lot_type: LotType) -> Mapping[tuple[UUID, str], int]:
    """Minor units by wallet and origin that are in lots of this type and have not lapsed; what a hold reserves counts too."""
    return await queries.select_unspent(tx, wallet_ids, lot_type)
