#!/usr/bin/env bash
# Installs what the system tests need beside npm's and PyPI's packages. Needs root on Debian or Ubuntu; does nothing when all
# is there.
set -euo pipefail

# command:package. Ruby and Go run the examples of callers; Go also builds the conformance suite's control; it fetches the version that the control's go.mod names.
wanted=(curl:curl openssl:openssl nginx:nginx go:golang-go ruby:ruby protoc:protobuf-compiler grpc_ruby_plugin:protobuf-compiler-grpc)
missing=()
for entry in "${wanted[@]}"; do
  command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
done
# GitLab's own kind of client is a Ruby library.
ruby -rgrpc -e '' 2>/dev/null || missing+=(ruby-grpc)
# protoc's own imports.
[ -e /usr/include/google/protobuf/descriptor.proto ] || missing+=(libprotobuf-dev)
if [ "${#missing[@]}" -gt 0 ]; then
  echo "system tests: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Schemathesis, which asks the admin API, from PyPI into a folder of its own.
schemathesis="${XDG_CACHE_HOME:-$HOME/.cache}/cellwall/schemathesis"
if [ ! -e "$schemathesis/schemathesis/cli" ]; then
  python3 -m pip --version >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-pip >/dev/null; }
  python3 -m pip install -q --root-user-action=ignore --target "$schemathesis" schemathesis==4.32.5
fi

# go-spiffe, which judges SPIFFE IDs: the version that go.sum pins.
(cd "$(dirname "${BASH_SOURCE[0]}")/spiffe-ids" && go mod download)
