#!/bin/sh
# Makes ../envoy.binpb.gz anew. Needs Go; nothing else of the project does.
set -eu
cd "$(dirname "$0")"
export GOFLAGS=-mod=mod
go mod download github.com/envoyproxy/go-control-plane/envoy
root=$(go list -m -f '{{.Dir}}' github.com/envoyproxy/go-control-plane/envoy)
{
  echo 'package main'
  echo 'import ('
  (cd "$root" && find . -name '*.pb.go' -printf '%h\n' | sort -u | sed 's|^\./||; s|.*|\t_ "github.com/envoyproxy/go-control-plane/envoy/&"|')
  echo ')'
} > imports.go
go mod tidy
go run . ../envoy.binpb.gz
