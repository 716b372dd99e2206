#!/usr/bin/env bash
# Debian's Chromium for the browser tests: found, or installed where apt may. CI does not go on without it.
set -euo pipefail

found() { command -v chromium >/dev/null || command -v chromium-browser >/dev/null; }

install_from_debian() {
  command -v apt-get >/dev/null || return 1
  local as=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || return 1
    as=(sudo -n)
  fi
  echo "Chromium is missing: installing Debian's."
  "${as[@]}" apt-get update -qq && "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
}

found && exit 0
install_from_debian || true
found && exit 0

if [ "${CI:-}" = true ]; then
  echo "No Chromium, and apt may not install it: CI does not skip the browser tests." >&2
  exit 1
fi
printf '\n%s\n\n' "*** NO CHROMIUM: the browser tests will be SKIPPED. Install it (apt install chromium) and run them again. ***" >&2
