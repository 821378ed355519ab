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
	n := r.Array()
	out := make([]T, 0, min(n, 100)) // grown by what is there, not by what is claimed
	for range n {
		v, err := parse(r.Raw())
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", what, err)
		}
		out = append(out, v)
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("parse %s: %w", what, err)
	}
	return out, nil
}
