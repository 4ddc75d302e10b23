#!/usr/bin/env bash
# Keeps the pictures that the tests of the page took (.cache/page): copies them to $CELLWALL_ARTEFACTS, where that is set. Fails if there
# are none: then nobody has seen the page.
set -euo pipefail
cd "$(dirname "$0")/.."

shopt -s nullglob
pictures=(.cache/page/*.png)
if ((${#pictures[@]} == 0)); then
  echo "no pictures in .cache/page: test/system/page.test.ts takes them" >&2
  exit 1
fi
echo "${#pictures[@]} pictures of the page in .cache/page"
if [[ -n ${CELLWALL_ARTEFACTS:-} ]]; then
  mkdir -p "$CELLWALL_ARTEFACTS/page"
  cp "${pictures[@]}" "$CELLWALL_ARTEFACTS/page/"
  echo "copied to $CELLWALL_ARTEFACTS/page"
fi
