package evidence

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// A Result is what verified evidence shows. It holds row values where the
// evidence opens them: it is for the reader of the evidence, never for a log.
type Result struct {
	Claim       Claim  `json:"claim"`
	Chain       string `json:"chain"`
	Log         string `json:"log"` // id
	Incarnation uint32 `json:"incarnation"`

	Table     string   `json:"table"`
	Key       string   `json:"key"`       // for people
	KeyBytes  Hex      `json:"key_bytes"` // canonical
	Version   uint64   `json:"version"`
	Index     uint64   `json:"index"`     // of the log entry
	Op        string   `json:"operation"` // insert, update, delete
	Seen      string   `json:"seen"`      // stream, snapshot, scan, fetch
	Assurance string   `json:"assurance"` // of the tap, at that time
	EventID   string   `json:"event_id"`  // the source's own name of the change
	EventTime Millis   `json:"event_time"`
	Logged    Millis   `json:"logged"` // the sidecar's own clock
	Columns   []Column `json:"columns"`

	// The version was not yet in the log that the chain held at After, and was
	// in the one that it held at Before.
	After  Moment `json:"after"`
	Before Moment `json:"before"`

	KeyRevealed bool         `json:"key_revealed"` // the version's key is in the evidence
	Audit       *AuditResult `json:"audit,omitempty"`
	Witnesses   Witnesses    `json:"witnesses"`
}

// A Column of the version.
type Column struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Open        bool   `json:"open"`
	Value       string `json:"value,omitempty"` // as committed, if Open
	Altered     bool   `json:"altered"`         // an audit found another value
	PresentOpen bool   `json:"present_open"`
	Present     string `json:"present,omitempty"` // as the audit found it, if PresentOpen
}

// An AuditResult is what an audit says of the version.
type AuditResult struct {
	Index    uint64     `json:"index"`   // of the audit's log entry
	Started  Millis     `json:"started"` // the sidecar's own clock
	Ended    Millis     `json:"ended"`
	Anchored Moment     `json:"anchored"`
	Coverage []Coverage `json:"coverage"`
	Verdict  string     `json:"verdict"` // "intact", or the finding's
	Detail   string     `json:"detail"`
	LastGood Moment     `json:"last_seen_good"`
	FirstBad Millis     `json:"first_seen_bad"`
}

// Witnesses says who stands for the weakest of the evidence's receipts.
type Witnesses struct {
	Validators int `json:"validators"` // in the set
	Signed     int `json:"signed"`
	Tolerates  int `json:"tolerates"` // how many of them may be faulty
	Receipts   int `json:"receipts"`  // all that were verified
}

// weaker returns the weaker of the witnesses so far and those of a receipt.
func (w Witnesses) weaker(r receipt.Result) Witnesses {
	next := Witnesses{Validators: r.Validators, Signed: r.Signed, Tolerates: r.Tolerates, Receipts: w.Receipts + 1}
	if w.Receipts > 0 && (w.Tolerates < r.Tolerates || w.Tolerates == r.Tolerates && w.Signed <= r.Signed) {
		next.Validators, next.Signed, next.Tolerates = w.Validators, w.Signed, w.Tolerates
	}
	return next
}

func moment(a rules.Anchor) Moment { return Moment{Time: Millis(a.Time), Height: a.Height} }

// String writes the moment for a person.
func (m Moment) String() string {
	if m.Height == 0 {
		return m.Time.String()
	}
	return fmt.Sprintf("%s (block %d)", m.Time, m.Height)
}

// Millis is a time in ms since 1970 UTC; 0 is unknown.
type Millis int64

// String writes the time for a person.
func (m Millis) String() string {
	if m == 0 {
		return "an unknown time"
	}
	return time.UnixMilli(int64(m)).UTC().Format("2006-01-02 15:04:05.000 UTC")
}

// MarshalJSON writes the time in RFC 3339, or null.
func (m Millis) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(time.UnixMilli(int64(m)).UTC().Format("2006-01-02T15:04:05.000Z"))
}

// Hex is bytes that JSON shows in hex.
type Hex []byte

// MarshalText writes the bytes in hex.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// MarshalText writes the claim's name.
func (c Claim) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// displayKey writes a row's key for a person.
func displayKey(key []row.Value) string {
	parts := make([]string, len(key))
	for i, v := range key {
		parts[i] = v.Display()
	}
	return strings.Join(parts, ", ")
}
