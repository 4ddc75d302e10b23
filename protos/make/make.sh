#!/bin/sh
# Makes ../envoy.binpb.gz and ../spiffe.binpb.gz anew. Needs Go; nothing else of the project does.
set -eu
cd "$(dirname "$0")"
export GOFLAGS=-mod=mod
go mod download github.com/envoyproxy/go-control-plane/envoy github.com/spiffe/go-spiffe/v2
root=$(go list -m -f '{{.Dir}}' github.com/envoyproxy/go-control-plane/envoy)
{
  echo 'package main'
  echo 'import ('
  (cd "$root" && find . -name '*.pb.go' -printf '%h\n' | sort -u | sed 's|^\./||; s|.*|\t_ "github.com/envoyproxy/go-control-plane/envoy/&"|')
  echo '	_ "github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"'
  echo ')'
} > imports.go
go mod tidy
go run . envoy ../envoy.binpb.gz
go run . spiffe ../spiffe.binpb.gz
