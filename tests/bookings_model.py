"""Bookings as plain Python: what the office must agree with at every step."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(eq=False)
class ModelClaim:
    """Somebody's seats, or somebody's unit for a period of days."""

    quantity: int
    customer: int
    expires_at: datetime
    days: tuple[int, int] | None = None
    unit: UUID | None = None
    status: str = "held"
    holders: list[int] = field(default_factory=list)
    """Whose each valid ticket is."""

    @property
    def live(self) -> int:
        return {"held": self.quantity, "consumed": len(self.holders) or 1}.get(self.status, 0)

    def keeps(self, now: datetime) -> bool:
        """Whether what it has cannot be had by another: a hold whose time is over yields."""
        return self.status == "consumed" or (self.status == "held" and now < self.expires_at)

    def meets(self, days: tuple[int, int]) -> bool:
        return self.days is not None and self.days[0] < days[1] and days[0] < self.days[1]


@dataclass
class Model:
    """All claims on some seats and some units."""

    now: datetime
    capacity: int
    units: list[UUID]
    seats: list[ModelClaim] = field(default_factory=list)
    periods: list[ModelClaim] = field(default_factory=list)

    @property
    def claims(self) -> list[ModelClaim]:
        return [*self.seats, *self.periods]

    def has_seats(self, quantity: int) -> bool:
        return quantity <= self.capacity - sum(claim.live for claim in self.seats if claim.keeps(self.now))

    def free_units(self, days: tuple[int, int]) -> set[UUID]:
        taken = {claim.unit for claim in self.periods if claim.keeps(self.now) and claim.meets(days)}
        return set(self.units) - taken

    def has_room_for(self, claim: ModelClaim) -> bool:
        return self.has_seats(claim.quantity) if claim.days is None else bool(self.free_units(claim.days))

    def going(self, customer: int) -> int:
        return sum(claim.holders.count(customer) for claim in self.seats if claim.status == "consumed")

    def sweep(self) -> None:
        for claim in self.claims:
            if claim.status == "held" and not claim.keeps(self.now):
                claim.status = "lapsed"
