// Package httpapi names gRPC (rule 6).
package httpapi

import (
	_ "google.golang.org/grpc/codes"
)
