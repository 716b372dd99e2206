"""One file for each thing that is measured; `BENCHES` is the order in which they run and are documented."""

from bench.figures import Bench
from bench.measures.generator import GENERATOR
from bench.measures.limits import LIMITS

BENCHES: tuple[Bench, ...] = (LIMITS, GENERATOR)
