// Package wire breaks nothing: gRPC and row's carrier belong here.
package wire

import (
	_ "github.com/emrbchain/emrbchain/crypto/dcbor"
	_ "github.com/emrbchain/emrbchain/crypto/row"
	_ "google.golang.org/grpc"
)
