#!/bin/sh
# Generates the Go code of tap.proto. protoc comes from the system (Debian's
# protobuf-compiler); its two plugins are the tools pinned in go.mod, so that a
# clean checkout gives the same bytes.
set -eu
protoc \
	--plugin=protoc-gen-go="$(go tool -n protoc-gen-go)" \
	--plugin=protoc-gen-go-grpc="$(go tool -n protoc-gen-go-grpc)" \
	--go_out=. --go_opt=paths=source_relative \
	--go-grpc_out=. --go-grpc_opt=paths=source_relative \
	tap.proto
