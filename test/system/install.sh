#!/usr/bin/env bash
# Installs what the system tests need beside npm's and PyPI's packages. Needs root on Debian or Ubuntu; does nothing when all
# is there.
set -euo pipefail

# command:package. Ruby and Go run the examples of callers; Go also builds the conformance suite's control; it fetches the version that the control's go.mod names.
wanted=(curl:curl openssl:openssl nginx:nginx go:golang-go ruby:ruby)
missing=()
for entry in "${wanted[@]}"; do
  command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
done
if [ "${#missing[@]}" -gt 0 ]; then
  echo "system tests: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
