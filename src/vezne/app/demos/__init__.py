"""The stories of the documents, told over HTTP against a running service and its sandbox."""

from collections.abc import Mapping
from types import MappingProxyType

from vezne.app.demos import campus, storage, tickets
from vezne.app.demos.story import Story

STORIES: Mapping[str, Story] = MappingProxyType({"campus": campus.tell, "tickets": tickets.tell, "storage": storage.tell})
"""Each story by the name it is asked for by."""
