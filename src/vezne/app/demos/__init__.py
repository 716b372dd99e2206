"""The stories of the documents, told over HTTP against a running service and its sandbox."""

from collections.abc import Mapping
from types import MappingProxyType

from vezne.app.demos import campus, coins, storage, tickets
from vezne.app.demos import credits as credits_story
from vezne.app.demos.story import Story

STORIES: Mapping[str, Story] = MappingProxyType(
    {"campus": campus.tell, "tickets": tickets.tell, "storage": storage.tell, "coins": coins.tell, "credits": credits_story.tell}
)
"""Each story by the name it is asked for by."""
