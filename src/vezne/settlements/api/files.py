"""Files by which a bank transfers payouts."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field
from starlette.responses import Response

from vezne.kernel.http import RequestModel, TxDep, refusals, router
from vezne.kernel.ids import public_id
from vezne.settlements import refusals as says
from vezne.settlements.api.fields import FileId, PayoutId
from vezne.settlements.models import FileFormat, PayoutFile
from vezne.settlements.operations import filing

api = router("/v1/payout-files", "Payouts", permission="payouts.approve")

_TYPES = {"csv": "text/csv; charset=utf-8", "pain001": "application/xml"}


class PayoutFileIn(RequestModel):
    """A file to make."""

    payout_ids: Annotated[list[PayoutId], Field(min_length=1, max_length=1000, description="approved payouts")]
    format: FileFormat = Field("pain001", description="ISO 20022 pain.001.001.09, or CSV for people and portals")
    again: bool = Field(False, description="take also payouts that stand in another file, which was not used")


class PayoutFileOut(BaseModel):
    """A file for a bank; its content is at `content_url`."""

    id: FileId
    format: FileFormat
    name: str
    payout_ids: list[PayoutId]
    content_url: str
    created_by: str
    created_at: datetime


@api.post(
    "",
    status_code=201,
    responses=refusals(
        says.PayoutMissing,
        says.PayoutNotApproved,
        says.PayoutFiledAlready,
        says.PayoutCurrencyNotReal,
        says.PayeeWithoutBank,
    ),
)
async def make_payout_file(tx: TxDep, asked: PayoutFileIn) -> PayoutFileOut:
    """Put approved payouts into a file for the bank. A payout goes into one file, unless `again` is asked for."""
    return _shown(await filing.make_file(tx, asked.payout_ids, asked.format, again=asked.again))


@api.get("/{file_id}", responses=refusals(says.PayoutFileMissing))
async def get_payout_file(tx: TxDep, file_id: FileId) -> PayoutFileOut:
    """Which payouts stand in a file."""
    return _shown(await filing.payout_file(tx, file_id))


@api.get(
    "/{file_id}/content",
    response_class=Response,
    responses={
        **refusals(says.PayoutFileMissing),
        200: {"content": {"application/xml": {}, "text/csv": {}}, "description": "The file."},
    },
)
async def get_payout_file_content(tx: TxDep, file_id: FileId) -> Response:
    """The file, every time the same. It names bank accounts in full."""
    found, content = await filing.file_content(tx, file_id)
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"', "Cache-Control": "no-store"}
    return Response(content, media_type=_TYPES[found.format], headers=headers)


def _shown(made: PayoutFile) -> PayoutFileOut:
    return PayoutFileOut(
        id=made.id,
        format=made.format,
        name=made.name,
        payout_ids=list(made.payout_ids),
        content_url=f"/v1/payout-files/{public_id('fil', made.id)}/content",
        created_by=made.created_by,
        created_at=made.created_at,
    )
