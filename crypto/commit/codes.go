package commit

import "fmt"

// Op says what a leaf records: a row version or an event. Codes are part of
// the format.
type Op uint8

// The operations. Codes below 16 are row versions.
const (
	Insert Op = 1
	Update Op = 2
	Delete Op = 3

	Pad    Op = 16 // fills a checkpoint up to its bucket
	Gap    Op = 17 // changes may be missing between two positions
	Break  Op = 18 // a before-image is not the last version
	Schema Op = 19 // a table's columns changed
	Audit  Op = 20 // an audit ran: coverage, manifest root, findings root
	Start  Op = 21 // the sidecar started: versions, configuration digest
	// GapChange says that a row was found changed by a scan that followed a gap
	// or a schema change, and was entered as it is now: a finding until closed.
	GapChange Op = 22
	// Consequence says by which rule of the source rows changed without changes
	// of their own, because of changes that the log has.
	Consequence Op = 23
	// LateEntry says that a row was first logged long after its clinical date,
	// AfterFinal that a recorded change changed what a version had said is final:
	// findings until closed.
	LateEntry  Op = 24
	AfterFinal Op = 25
	// Pause says that no row of the source is read for snapshots, verifications
	// and audits, until a moment or until Resume.
	Pause  Op = 26
	Resume Op = 27
	// Merge says that two of the source's patients are one person, Unmerge that
	// they are not. Patient says that an id was given out for somebody who is not
	// known yet, or whose it turned out to be.
	Merge   Op = 28
	Unmerge Op = 29
	Patient Op = 30

	// Officer puts an officer's public key on record. The ops that follow carry an
	// order that such a key has signed elsewhere: Erase destroys a patient's keys,
	// Correct says that findings of a row are a correction, Hold and Release keep a
	// patient from being erased, until released.
	Officer Op = 32
	Erase   Op = 33
	Correct Op = 34
	Hold    Op = 35
	Release Op = 36
	// Rotate says that all owner keys were wrapped anew, by another wrapping key.
	Rotate Op = 37

	// Query says that this member asked others for a patient, Answers what they
	// said; Queried that another asked, and what it was told.
	Query   Op = 40
	Answers Op = 41
	Queried Op = 42
)

var opNames = map[Op]string{Insert: "insert", Update: "update", Delete: "delete", Pad: "pad", Gap: "gap",
	Break: "break", Schema: "schema", Audit: "audit", Start: "start", GapChange: "gap change", Consequence: "consequence",
	LateEntry: "late entry", AfterFinal: "changed after final", Pause: "pause", Resume: "resume",
	Merge: "merge", Unmerge: "unmerge", Patient: "patient",
	Query: "query", Answers: "answers", Queried: "queried",
	Officer: "officer", Erase: "erase", Correct: "correct", Hold: "hold", Release: "release", Rotate: "rotate"}

// String returns the op's name.
func (o Op) String() string {
	if s, ok := opNames[o]; ok {
		return s
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// IsRow reports whether the op records a row version.
func (o Op) IsRow() bool { return o < 16 }

// Origin says how a version was seen.
type Origin uint8

// The origins of row versions; None is for events.
const (
	None     Origin = 0
	Stream   Origin = 1 // delivered by the source's change stream with its values
	Snapshot Origin = 2 // read when the table was first taken in
	Scan     Origin = 3 // read by a later scan
	Fetch    Origin = 4 // named by the stream, values read afterwards
)

// String returns the origin's name.
func (o Origin) String() string {
	return nameOf([]string{"none", "stream", "snapshot", "scan", "fetch"}, uint8(o))
}

// Assurance is what the tap promised when the version was recorded.
type Assurance uint8

// The assurances, from weakest to strongest.
const (
	ScanOnly     Assurance = 1
	LastVersion  Assurance = 2
	EveryVersion Assurance = 3
)

// String returns the assurance in the words of the documentation.
func (a Assurance) String() string {
	return nameOf([]string{"unknown", "scan only", "last version", "every version"}, uint8(a))
}

func nameOf(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("unknown(%d)", i)
}
