"""One file for each thing that is measured; `BENCHES` is the order in which they run and are documented."""

from bench.figures import Bench
from bench.measures.debits import DEBITS
from bench.measures.expiring import EXPIRING
from bench.measures.generator import GENERATOR
from bench.measures.history import HISTORY
from bench.measures.importing import IMPORTING
from bench.measures.limits import LIMITS
from bench.measures.posting import POSTING
from bench.measures.renewing import RENEWING
from bench.measures.seats import SEATS
from bench.measures.starting import STARTING
from bench.measures.storage import STORAGE

BENCHES: tuple[Bench, ...] = (
    LIMITS,
    GENERATOR,
    DEBITS,
    POSTING,
    HISTORY,
    IMPORTING,
    EXPIRING,
    RENEWING,
    SEATS,
    STORAGE,
    STARTING,
)
