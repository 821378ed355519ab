package rules

import "fmt"

// What one member may have in one block. All of it together is less than a
// block holds, so no member fills one.
const (
	// MaxLogTxs is the most registrations, anchors and heartbeats of all logs of
	// a member in a block.
	MaxLogTxs = 64
	// MaxSharingTxs is the most contacts and acts about grants of a member in a
	// block.
	MaxSharingTxs = 32
	// MaxRepeats is the most repeats of a held head in a block: anybody can make
	// them, so they are on nobody's account.
	MaxRepeats = 16
)

// A Quota counts what the members have used of a block.
type Quota struct{ used map[account]int }

type account struct {
	member string // empty for repeats
	most   int    // sharing never uses up what logs may have
}

// NewQuota returns a quota of which nothing is used.
func NewQuota() *Quota { return &Quota{used: make(map[account]int)} }

// take uses up one of a member's transactions. It is the last check, so that
// nothing refused is counted.
func (b Block) take(member string, most int) error {
	if b.Quota == nil {
		return nil
	}
	a := account{member, most}
	if b.Quota.used[a] >= most {
		return fmt.Errorf("%w: at most %d", ErrQuota, most)
	}
	b.Quota.used[a]++
	return nil
}
