package api

import "time"

// Status is the state of a sidecar.
type Status struct {
	Version string `json:"version"`
	// Ready says that the sidecar does its work: the log is sound, the tap
	// streams, and no anchor is overdue. NotReady says why it is not.
	Ready    bool         `json:"ready"`
	NotReady []string     `json:"not_ready"`
	Started  time.Time    `json:"started"`
	Source   SourceStatus `json:"source"`
	Log      LogStatus    `json:"log"`
	Chain    ChainStatus  `json:"chain"`
	Audit    AuditStatus  `json:"audit"`
	// Patients is null where nobody is to be found.
	Patients *PatientsStatus `json:"patients"`
	// Peers is null where this sidecar speaks to no other member's.
	Peers *PeersStatus `json:"peers"`
	// OpenFindings counts the findings that nobody closed yet.
	OpenFindings uint64 `json:"open_findings"`
}

// SourceStatus is the state of the tapped database as the tap sees it.
type SourceStatus struct {
	Name      string `json:"name"`
	Tap       string `json:"tap"`
	Assurance string `json:"assurance"` // every version, last version, scan only
	State     string `json:"state"`     // starting, snapshot, streaming, stopped
	// LastChange is the source's own time of the last change that was logged.
	LastChange *time.Time    `json:"last_change"`
	Restarts   uint64        `json:"restarts"` // of the tap, since the start
	Problem    string        `json:"problem,omitempty"`
	Paused     *Pause        `json:"paused"` // null while rows are read
	Tables     []TableStatus `json:"tables"`
}

// Pause is a time in which no row of the source is read for snapshots,
// verifications and audits, while its changes are still logged.
type Pause struct {
	Since time.Time  `json:"since"`
	Until *time.Time `json:"until"` // null: until it is resumed
	// ReadsInWork counts reads that had begun before and are not over yet.
	ReadsInWork int `json:"reads_in_work"`
}

// TableStatus is the state of a table.
type TableStatus struct {
	Name    string   `json:"name"`
	Covered bool     `json:"covered"`
	Reason  string   `json:"reason,omitempty"` // why it is not covered
	Notes   []string `json:"notes,omitempty"`
	// Progress is that of taking the table in or verifying it, while it is read.
	Progress *Progress `json:"progress,omitempty"`
}

// Progress is how far the reading of a table has come. What is not known is left
// out: how many rows there are, and the rate in the first second and while reading
// is paused.
type Progress struct {
	Table         string `json:"table"`
	Rows          uint64 `json:"rows"` // read, from the table's start
	AboutRows     uint64 `json:"about_rows,omitempty"`
	Percent       int    `json:"percent,omitempty"` // 99 at most
	RowsPerSecond uint64 `json:"rows_per_second,omitempty"`
	SecondsLeft   uint64 `json:"seconds_left,omitempty"`
}

// LogStatus is the state of the record log.
type LogStatus struct {
	Checkpoint
	Gaps uint64 `json:"gaps"` // gap entries, ever
	// Scrub is how far the background check of the whole store has come.
	Scrub Scrub `json:"scrub"`
	// Wrapping is the key that wraps the owner keys.
	Wrapping *Wrapping `json:"wrapping,omitempty"`
}

// Wrapping is a wrapping key in use.
type Wrapping struct {
	ID    string    `json:"id"`
	Since time.Time `json:"since"`
	// Due says that it is older than 31 days: an erasure reaches the copies of the
	// store only when it is replaced and destroyed.
	Due bool `json:"due"`
}

// Scrub is the state of the store's background check.
type Scrub struct {
	Next         uint64     `json:"next"`          // the entry to be read next
	LastComplete *time.Time `json:"last_complete"` // when a round last reached the end
	Problem      string     `json:"problem,omitempty"`
}

// ChainStatus is the state of anchoring.
type ChainStatus struct {
	ID        string `json:"id"`
	Reachable bool   `json:"reachable"`
	Height    int64  `json:"height"`
	// Anchored is the last checkpoint that is final, with its receipt.
	Anchored *Anchored `json:"anchored"`
	Backlog  uint64    `json:"backlog"` // entries not anchored yet
	// StalledSince is since when nothing can be anchored, by the sidecar's
	// clock and no earlier than its start; null while anchoring works.
	StalledSince *time.Time `json:"stalled_since"`
	// Faulty is how many members may fail or lie without harm.
	Faulty  int    `json:"tolerates_faulty_members"`
	Notice  string `json:"notice,omitempty"` // such as "a local chain without outside witness"
	Problem string `json:"problem,omitempty"`
}

// Anchored is a checkpoint that the chain accepted.
type Anchored struct {
	Size   uint64    `json:"size"`
	Height int64     `json:"height"`
	Time   time.Time `json:"time"`
}

// AuditStatus is when audits ran and run.
type AuditStatus struct {
	Running bool `json:"running"`
	// Progress is that of the table which a running audit reads.
	Progress    *Progress  `json:"progress,omitempty"`
	LastVerdict string     `json:"last_verdict,omitempty"`
	LastTime    *time.Time `json:"last_time"`
	Next        *time.Time `json:"next"`
	// Problem says why the last audit since the start could not be completed, or
	// which tables it could not read.
	Problem string `json:"problem,omitempty"`
}
