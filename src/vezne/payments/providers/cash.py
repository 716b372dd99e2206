"""Cash: paid over the counter while the order waits, and confirmed by whoever took it."""

from vezne.payments.providers.offline import Offline

NAME = "cash"


class Cash(Offline):
    """The counter."""

    name = NAME
