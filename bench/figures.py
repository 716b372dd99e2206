"""What a bench answers: figures, each with what stands beside it and the target it is held against."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bench.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bound on a figure itself (`of="value"`, in its unit) or on its ratio to what stands beside it (`of="ratio"`)."""

    sense: Literal["at least", "at most"]
    bound: float
    of: Literal["value", "ratio"] = "ratio"

    def __str__(self) -> str:
        return f"{self.sense} {self.bound:g}{' ×' if self.of == 'ratio' else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value. `beside` is the limit or the peer measured in the same run, in the same unit."""

    what: str
    value: float
    unit: str
    beside: float | None = None
    beside_what: str = ""
    target: Target | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of what stands beside it; None where nothing does."""
        return self.value / self.beside if self.beside else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none to meet."""
        if self.target is None:
            return None
        measured = self.value if self.target.of == "value" else self.ratio
        if measured is None:
            return None
        return measured >= self.target.bound if self.target.sense == "at least" else measured <= self.target.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A named measurement. `about` says in prose what is done, so that a reader can judge the figures."""

    name: str
    title: str
    about: str
    measure: Callable[["Session"], Awaitable[list[Figure]]]


def at_least(bound: float) -> Target:
    """At least `bound` times what stands beside the figure."""
    return Target(sense="at least", bound=bound)


def at_most(bound: float) -> Target:
    """At most `bound` times what stands beside the figure."""
    return Target(sense="at most", bound=bound)


def under(bound: float) -> Target:
    """At most `bound` in the figure's own unit."""
    return Target(sense="at most", bound=bound, of="value")


def quantity(value: float, unit: str) -> str:
    """A value with its unit, with as many digits as a reader can use."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".strip()


def columns(figure: Figure) -> tuple[str, str, str, str, str]:
    """The figure as a row of text: what, measured, beside, ratio, target."""
    beside = "" if figure.beside is None else f"{quantity(figure.beside, figure.unit)} ({figure.beside_what})"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} ×"
    target = "" if figure.target is None else f"{figure.target}: {'met' if figure.met else 'not met'}"
    what = f"{figure.what} ({figure.note})" if figure.note else figure.what
    return what, quantity(figure.value, figure.unit), beside, ratio, target


HEADINGS = ("what", "measured", "beside", "ratio", "target")
