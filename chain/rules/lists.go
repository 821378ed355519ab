package rules

import (
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// ParseLogs reads a canonical array of log records.
func ParseLogs(b []byte) ([]Log, error) {
	return parseList(b, "logs", ParseLog)
}

// ParseMembers reads a canonical array of member records.
func ParseMembers(b []byte) ([]Member, error) {
	return parseList(b, "members", ParseMember)
}

func parseList[T any](b []byte, what string, parse func([]byte) (T, error)) ([]T, error) {
	r := dcbor.NewReader(b)
	out := make([]T, r.Array())
	for i := range out {
		var err error
		if out[i], err = parse(r.Raw()); err != nil {
			return nil, fmt.Errorf("parse %s: %w", what, err)
		}
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("parse %s: %w", what, err)
	}
	return out, nil
}
