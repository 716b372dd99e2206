"""Builds the pages' assets into `src/vezne/assets/dist`: one stylesheet, the scripts, and the icons that templates name.

Files carry a hash of their content in their name, so that a browser may keep them for ever. Built beside the old ones and
put in their place at the end: a running service never sees half.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "src" / "vezne" / "assets"
MODULES = ROOT / "node_modules"
ICON = re.compile(r"""\bicon\(\s*['"]([a-z0-9-]+)['"]""")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def _stylesheet(target: Path) -> None:
    node = shutil.which("node") or str(ASSETS / ".node" / "bin" / "node")
    cli = MODULES / "@tailwindcss" / "cli" / "dist" / "index.mjs"
    source = ASSETS / "vezne.css"
    subprocess.run(
        [node, str(cli), "--input", str(source), "--output", str(target), "--minify"],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def _icons() -> dict[str, str]:
    """The SVG of every icon that a template or a page's module names by a literal."""
    sources = [*ROOT.glob("src/vezne/*/templates/**/*.html"), *ROOT.glob("src/vezne/**/*.py")]
    names = {name for source in sources for name in ICON.findall(source.read_text(encoding="utf-8"))}
    icons = {}
    for name in sorted(names):
        text = COMMENT.sub("", (MODULES / "lucide-static" / "icons" / f"{name}.svg").read_text(encoding="utf-8"))
        text = re.sub(r'\s*class="[^"]*"', "", text)
        text = " ".join(text.split()).replace("<svg ", '<svg class="icon" aria-hidden="true" focusable="false" ', 1)
        icons[name] = text
    return icons


def _publish(source: Path, name: str, folder: Path, manifest: dict[str, str]) -> None:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    stem, _, suffix = name.rpartition(".")
    manifest[name] = f"{stem}.{digest}.{suffix}"
    shutil.copyfile(source, folder / manifest[name])


def build() -> dict[str, str]:
    """Build everything; returns the published name of each asset."""
    with tempfile.TemporaryDirectory(dir=ASSETS, prefix=".build-") as temporary:
        fresh = Path(temporary) / "dist"
        static = fresh / "static"
        static.mkdir(parents=True)
        manifest: dict[str, str] = {}
        _stylesheet(Path(temporary) / "vezne.css")
        _publish(Path(temporary) / "vezne.css", "vezne.css", static, manifest)
        _publish(ASSETS / "mark.svg", "mark.svg", static, manifest)
        _publish(MODULES / "htmx.org" / "dist" / "htmx.min.js", "htmx.js", static, manifest)
        # A slice's own scripts: src/vezne/checkout/templates/checkout.js is published as checkout.js.
        for script in sorted(ROOT.glob("src/vezne/*/templates/**/*.js")):
            _publish(script, script.name, static, manifest)
        (fresh / "icons.json").write_text(json.dumps(_icons(), indent=1) + "\n", encoding="utf-8")
        (fresh / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        dist = ASSETS / "dist"
        if dist.exists():
            dist.rename(Path(temporary) / "old")
        fresh.rename(dist)
    return manifest


if __name__ == "__main__":
    try:
        print(f"Pages built: {', '.join(sorted(build().values()))}")
    except subprocess.CalledProcessError as failure:
        raise SystemExit(f"the stylesheet could not be built:\n{failure.stderr}") from failure
