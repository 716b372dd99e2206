"""What a wheel carries beyond `src/vezne`: the migrations, and the built pages it may not lack."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelContents(BuildHookInterface):  # type: ignore[type-arg] # hatchling asks for its own config class, of no use here
    """Leaves an editable install alone (it finds both in the tree) and completes a real wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the migrations; refuse to build without page assets."""
        if version == "editable":
            return
        if not (Path(self.root) / "src/vezne/assets/dist/manifest.json").is_file():
            raise SystemExit("the page assets are not built: run `make wheel`, which builds them first")
        build_data["force_include"]["migrations"] = "vezne/migrations"
