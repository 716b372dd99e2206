"""What follows from what: `now` in the same transaction, `later` as a job that commits with it."""

from vezne.kernel.events import Reactions

REACTIONS = Reactions(now={}, later={})
