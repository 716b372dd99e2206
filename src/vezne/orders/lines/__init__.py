"""The kinds of order lines. A new one is a file beside this one, a line in LINES and a member of `AskedLine`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from vezne.orders.lines.base import Details, LineKind, Priced
from vezne.orders.lines.booking import Booking, BookingDetails
from vezne.orders.lines.course import Course, CourseDetails
from vezne.orders.lines.credit_pack import CreditPack, CreditPackDetails
from vezne.orders.lines.membership import Membership, MembershipDetails
from vezne.orders.lines.top_up import TopUp, TopUpDetails

LINES: Mapping[str, LineKind[Any]] = MappingProxyType(
    {kind.name: kind for kind in (TopUp(), Booking(), Course(), CreditPack(), Membership())}
)
AskedLine = Annotated[TopUpDetails | BookingDetails | CreditPackDetails | MembershipDetails, Field(discriminator="kind")]

__all__ = [
    "LINES",
    "AskedLine",
    "BookingDetails",
    "CourseDetails",
    "CreditPackDetails",
    "Details",
    "LineKind",
    "MembershipDetails",
    "Priced",
    "TopUpDetails",
]
