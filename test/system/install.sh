#!/usr/bin/env bash
# Installs what the system tests need beside npm's and PyPI's packages. Needs root on Debian or Ubuntu; does nothing when all
# is there.
set -euo pipefail

# command:package
wanted=(curl:curl openssl:openssl nginx:nginx ruby:ruby go:golang-go)
missing=()
for one in "${wanted[@]}"; do
  command -v "${one%%:*}" >/dev/null || missing+=("${one##*:}")
done
if [ "${#missing[@]}" -gt 0 ]; then
  echo "system tests: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
