package evidence

import (
	"fmt"
	"strings"
)

// Conclusion says in one sentence what the evidence shows.
func (r *Result) Conclusion() string {
	row := fmt.Sprintf("table %q, key %s, version %d", r.Table, r.Key, r.Version)
	switch {
	case r.Claim == LateEntry:
		return fmt.Sprintf("LATE ENTRY: %s gives a clinical date that was over when the chain did not hold it yet", row)
	case r.afterFinal() && r.Claim == Altered:
		return fmt.Sprintf("CHANGED AFTER FINAL: %s was final, and a recorded change gave it other values, in %s",
			row, strings.Join(r.alteredColumns(), ", "))
	case r.afterFinal():
		return fmt.Sprintf("CHANGED AFTER FINAL: %s was final, and a recorded change deleted the row", row)
	case r.Claim == Altered:
		return fmt.Sprintf("ALTERED: %s: an audit found other values than those committed, in %s",
			row, strings.Join(r.alteredColumns(), ", "))
	case r.Claim == Deleted:
		return fmt.Sprintf("DELETED: %s: an audit found the row gone without a recorded deletion", row)
	case r.Audit != nil:
		return fmt.Sprintf("INTACT: %s was committed, and an audit found the row to be just so", row)
	}
	return fmt.Sprintf("COMMITTED: %s was committed as shown", row)
}

// afterFinal reports whether the finding is of a recorded change, and not of a row
// that is not as it was recorded.
func (r *Result) afterFinal() bool {
	return r.Audit != nil && r.Audit.Verdict == VerdictChangedAfterFinal
}

func (r *Result) alteredColumns() []string {
	var names []string
	for _, c := range r.Columns {
		if c.Altered {
			names = append(names, fmt.Sprintf("%q", c.Name))
		}
	}
	return names
}

// Checked lists in plain words what Verify checked.
func (r *Result) Checked() []string {
	open := 0
	for _, c := range r.Columns {
		if c.Open {
			open++
		}
	}
	lines := []string{
		fmt.Sprintf("the commitment opens to this row and version, with %d of its %d columns shown", open, len(r.Columns)),
		fmt.Sprintf("it is entry %d of log %s, under a checkpoint signed with the log's key", r.Index, r.Log),
		fmt.Sprintf("chain %q accepted that checkpoint at %s", r.Chain, r.Before),
		fmt.Sprintf("the checkpoint that the chain accepted at %s ends before this entry", r.After),
		fmt.Sprintf("each of the %d receipts is signed by more than 2/3 of validators that the trust file leads to; "+
			"the weakest by %d of %d, which tolerates %d faulty", r.Witnesses.Receipts, r.Witnesses.Signed,
			r.Witnesses.Validators, r.Witnesses.Tolerates),
	}
	if r.Audit == nil {
		return lines
	}
	lines = append(lines, fmt.Sprintf("the audit is entry %d of the same log, accepted by the chain at %s",
		r.Audit.Index, r.Audit.Anchored))
	switch r.Claim {
	case Committed:
		return append(lines, "this version stands in the list of intact rows that the audit committed to")
	case Deleted:
		return append(lines, "the finding stands in the list of findings that the audit committed to")
	case LateEntry:
		return append(lines, "the finding stands in the list of findings that the audit committed to, and the clinical date "+
			"that it names was over, in every time zone, when the chain did not hold the version yet")
	}
	return append(lines, "the finding stands in the list of findings that the audit committed to, and the digests of "+
		"the values found differ from the committed ones in just the columns that it names")
}

// Says lists what the evidence shows.
func (r *Result) Says() []string {
	lines := []string{fmt.Sprintf("table %q, key %s: version %d (%s, seen by %s) was committed after %s and not later than %s",
		r.Table, r.Key, r.Version, r.Op, r.Seen, r.After, r.Before)}
	for _, c := range r.Columns {
		lines = append(lines, c.line(r.afterFinal()))
	}
	if r.Audit == nil {
		return lines
	}
	if r.Claim == Committed {
		return append(lines, fmt.Sprintf("the audit from %s to %s read the row and found it to hold this version",
			r.Audit.Started, r.Audit.Ended))
	}
	lines = append(lines,
		fmt.Sprintf("the audit from %s to %s reports the row as %q, which it or an audit before it found", r.Audit.Started, r.Audit.Ended, r.Audit.Verdict),
		fmt.Sprintf(r.betweenWords(), r.Audit.LastGood, r.Audit.FirstBad))
	if r.Audit.Detail != "" {
		lines = append(lines, fmt.Sprintf("the audit adds: %q", r.Audit.Detail))
	}
	return lines
}

// betweenWords says what happened between a finding's two moments.
func (r *Result) betweenWords() string {
	switch {
	case r.Claim == LateEntry:
		return "it was last known not to be there at %s and logged at %s"
	case r.afterFinal():
		return "the version was recorded at %s and the change that followed it at %s"
	}
	return "it was last seen as committed at %s and first seen otherwise at %s"
}

func (c Column) line(afterFinal bool) string {
	committed := "not shown"
	if c.Open {
		committed = c.Value
	}
	line := fmt.Sprintf("column %q as committed: %s", c.Name, committed)
	other, value := "; the audit found ANOTHER value", "; value found: "
	if afterFinal {
		other, value = "; a later change recorded ANOTHER value", "; value recorded then: "
	}
	if c.Altered {
		line += other
	}
	if c.PresentOpen {
		line += value + c.Present
	}
	return line
}

// SaysNot lists what the evidence does not show, so that nobody reads it into
// it.
func (r *Result) SaysNot() []string {
	lines := []string{"whether the values were true when they were entered, and who entered them"}
	if r.Seen != "stream" {
		lines = append(lines, fmt.Sprintf("when the source got these values: they were seen by a %s, which shows only that they were there", r.Seen))
	}
	if r.EventTime != 0 {
		lines = append(lines, fmt.Sprintf("that the change happened at %s: that is the source's own clock, which nobody vouches for", r.EventTime))
	}
	if r.Audit == nil {
		lines = append(lines, "whether the database holds these values now, and whether a later version exists: that takes an audit")
	} else {
		lines = append(lines, "anything about the database beyond what the hospital's own sidecar read: the audit is its statement, which the chain fixed and cannot be changed since")
	}
	if r.Claim == Altered || r.Claim == Deleted {
		lines = append(lines, "who did it, or why", "how the row is now: a finding stays open when the row is put right")
	}
	if r.Claim == LateEntry {
		lines = append(lines, "that the clinical date is true, or why the entry came after it")
	}
	if r.afterFinal() {
		lines = append(lines, "that the change was wrong: it shows that it was made, after the version was final by the hospital's own rule")
	}
	if r.Claim == Altered && r.KeyRevealed {
		lines = append(lines, "that columns not shown stay secret: the version's key is in this file, so values can be tried against them")
	}
	if r.Witnesses.Tolerates == 0 {
		lines = append(lines, fmt.Sprintf("anything independent of each single validator: with %d of them, none may be faulty", r.Witnesses.Validators))
	}
	return lines
}
