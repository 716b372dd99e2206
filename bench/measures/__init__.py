"""One file for each thing that is measured; `BENCHES` is the order in which they run and are documented."""

from bench.figures import Bench
from bench.measures.debits import DEBITS
from bench.measures.generator import GENERATOR
from bench.measures.history import HISTORY
from bench.measures.limits import LIMITS
from bench.measures.posting import POSTING

BENCHES: tuple[Bench, ...] = (LIMITS, GENERATOR, DEBITS, POSTING, HISTORY)
