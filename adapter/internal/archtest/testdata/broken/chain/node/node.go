// Package node reaches a tap (rule 4) and serves gRPC (rule 6).
package node

import (
	_ "github.com/emrbchain/emrbchain/plugins/tap"
	_ "google.golang.org/grpc"
)
