// Package api is what the sidecar answers, as JSON: the types that the control
// socket, the HTTP interface and the commands' --json share. Names of fields
// are a contract; they gain fields and never lose or rename one.
//
// Times are in UTC (RFC 3339). Keys are written as package rowkey does, so that
// the key of a finding can be given to prove as it stands. Answers hold keys
// and names of columns, and never the value of another cell.
package api

import "time"

// Moment is a point in time; Height is that of the block that anchors it, 0 if
// there is none.
type Moment struct {
	Time   time.Time `json:"time"`
	Height int64     `json:"height,omitempty"`
}

// Seen is when something was seen.
type Seen struct {
	Time time.Time `json:"time"`
}

// Checkpoint is the record log's size and root.
type Checkpoint struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"` // base64
}

// Finding is one deviation that an audit reports.
type Finding struct {
	Verdict string `json:"verdict"`
	Table   string `json:"table"`
	Key     string `json:"key"` // empty if the finding is of the whole table
	// Version is the row's version that the finding speaks of, 0 if it has none.
	Version      uint64   `json:"version"`
	Columns      []string `json:"columns"` // that differ; empty where the whole row does
	LastSeenGood *Moment  `json:"last_seen_good"`
	FirstSeenBad *Seen    `json:"first_seen_bad"`
	Detail       string   `json:"detail"`
}

// NotCovered counts rows or tables that were not read, and why.
type NotCovered struct {
	Table string `json:"table"`
	Rows  uint64 `json:"rows,omitempty"` // 0: the whole table
	// Failed says that the table is covered otherwise and could not be read.
	Failed bool   `json:"failed,omitempty"`
	Reason string `json:"reason"`
}

// CoveredTable is what was read of a table.
type CoveredTable struct {
	Name       string    `json:"name"`
	Rows       uint64    `json:"rows"`
	OldestRead time.Time `json:"oldest_read"` // no row's read is older
}

// Covered is what an audit speaks of at all.
type Covered struct {
	Tables     []CoveredTable `json:"tables"`
	NotCovered []NotCovered   `json:"not_covered"`
}

// AuditReport is the result of an audit.
type AuditReport struct {
	Verdict string `json:"verdict"`
	// ProtectedSince is from when anything is claimed; nil while nothing is.
	ProtectedSince *time.Time        `json:"protected_since"`
	Covered        Covered           `json:"covered"`
	Counts         map[string]uint64 `json:"counts"` // rows by verdict
	Findings       []Finding         `json:"findings"`
	// Authorised are no findings, for an officer ordered them: corrections, and per
	// table and order how many rows were erased. Detail says who ordered it and why.
	Authorised []Finding   `json:"authorised"`
	Checkpoint *Checkpoint `json:"checkpoint"` // of the log as audited
	Chain      *Moment     `json:"chain"`      // of the anchor that covers it; nil if none yet
}

// AuditRequest asks for an audit.
type AuditRequest struct {
	Tables []string `json:"tables,omitempty"` // empty: all
	// Since leaves out findings that were first seen before.
	Since *time.Time `json:"since,omitempty"`
}

// The states of an audit.
const (
	AuditRunning = "running"
	AuditDone    = "done"
	AuditFailed  = "failed"
)

// Audit is one audit since it was asked for.
type Audit struct {
	ID       string       `json:"id"`
	State    string       `json:"state"`
	Request  AuditRequest `json:"request"`
	Started  time.Time    `json:"started"`
	Finished *time.Time   `json:"finished,omitempty"`
	Report   *AuditReport `json:"report,omitempty"`  // when done
	Problem  *Problem     `json:"problem,omitempty"` // when failed
}

// Audits lists the audits since the sidecar started, the newest first.
type Audits struct {
	Audits []Audit `json:"audits"`
}

// RowVerdict is what the sidecar says of one row, read from the source now.
type RowVerdict struct {
	Verdict      string    `json:"verdict"`
	Table        string    `json:"table"`
	Key          string    `json:"key"`
	Version      uint64    `json:"version"`  // the latest in the log, 0 if none
	Leaf         *uint64   `json:"leaf"`     // of that version
	Anchored     *Moment   `json:"anchored"` // the first anchor that covers it
	Columns      []string  `json:"columns"`  // that differ
	ReadAt       time.Time `json:"read_at"`
	LastSeenGood *Moment   `json:"last_seen_good"`
	FirstSeenBad *Seen     `json:"first_seen_bad"`
	Detail       string    `json:"detail"`
}

// PauseRequest asks that no row of the source be read.
type PauseRequest struct {
	For string `json:"for,omitempty"` // as in 2h or 90m; empty: until it is resumed
}

// Resumed answers that rows of the source are read.
type Resumed struct {
	Ended *Pause `json:"ended"` // null if there was none
}

// ProveRequest asks for the evidence of a row's latest version, or of one.
type ProveRequest struct {
	Table   string
	Key     string
	Version uint64 // 0: the latest
}
