#!/usr/bin/env bash
# Installs what the system tests need beside npm's and PyPI's packages. Needs root on Debian or Ubuntu; does nothing when all
# is there.
set -euo pipefail

wanted=(curl openssl nginx)
missing=()
for command in "${wanted[@]}"; do
  command -v "$command" >/dev/null || missing+=("$command")
done
if [ "${#missing[@]}" -gt 0 ]; then
  echo "system tests: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
