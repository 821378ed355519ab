package wire

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tapv1 "github.com/emrbchain/emrbchain/plugins/tap/v1"
)

// maxText bounds a text for a person, maxMessage the message of a failure: they
// travel in an HTTP/2 header.
const (
	maxText    = 4 << 10
	maxMessage = 64 << 10
)

// maxProblems bounds what the problems of one failure take together.
const maxProblems = 128 << 10

// Status returns the gRPC error that carries a failure. Texts are cut to what
// a header holds.
func Status(f *tapv1.Failure) error {
	f.Message = cut(f.Message, maxMessage)
	size := 0
	for i, p := range f.Problems {
		p.Thing, p.Reason, p.Mend = Text(p.Thing), Text(p.Reason), Text(p.Mend)
		if size += len(p.Thing) + len(p.Reason) + len(p.Mend); size > maxProblems {
			f.Problems = append(f.Problems[:i:i], &tapv1.Problem{Thing: "further problems",
				Reason: "there are more than can be listed at once", Mend: "mend those above first"})
			break
		}
	}
	s, err := status.New(codes.FailedPrecondition, f.Message).WithDetails(f)
	if err != nil {
		return status.Error(codes.FailedPrecondition, f.Message)
	}
	return s.Err()
}

// FailureOf returns the failure that a gRPC error carries, or nil if it
// carries none: then the connection or gRPC itself failed, not the tap.
func FailureOf(err error) *tapv1.Failure {
	for _, detail := range status.Convert(err).Details() {
		if f, ok := detail.(*tapv1.Failure); ok {
			return f
		}
	}
	return nil
}

// Text makes a text for a person fit to travel: valid UTF-8 of bounded length.
func Text(s string) string { return cut(s, maxText) }

func cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}
