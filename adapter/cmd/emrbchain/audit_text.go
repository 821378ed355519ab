package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// auditText tells the report in plain words: the findings first.
func auditText(r *api.AuditReport) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Verdict: %s, %s.\n", r.Verdict, count(len(r.Findings), "finding"))
	for i := range r.Findings {
		b.WriteString("\n" + findingText(i+1, &r.Findings[i]))
	}
	if len(r.Authorised) > 0 {
		b.WriteString("\nOrdered by officers, and no findings:\n")
	}
	for i := range r.Authorised {
		b.WriteString("\n" + findingText(i+1, &r.Authorised[i]))
	}
	b.WriteString("\n" + coverageText(r) + claimText(r))
	return b.String()
}

func findingText(number int, f *api.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%3d. %s: table %s", number, strings.ToUpper(f.Verdict), shown(f.Table))
	if f.Key != "" {
		fmt.Fprintf(&b, ", row %s", shown(f.Key))
	}
	if f.Version > 0 {
		fmt.Fprintf(&b, ", version %d", f.Version)
	}
	if len(f.Columns) > 0 {
		fmt.Fprintf(&b, ", %s %s", strings.TrimPrefix(count(len(f.Columns), "column"), strconv.Itoa(len(f.Columns))+" "), shown(strings.Join(f.Columns, ", ")))
	}
	b.WriteString("\n")
	if f.Detail != "" {
		fmt.Fprintf(&b, "     %s\n", shown(f.Detail))
	}
	fmt.Fprintf(&b, "     last seen good   %s\n", goodText(f.LastSeenGood))
	if f.FirstSeenBad != nil {
		fmt.Fprintf(&b, "     first seen bad   %s\n", moment(f.FirstSeenBad.Time))
	}
	return b.String()
}

func goodText(m *api.Moment) string {
	switch {
	case m == nil:
		return "never"
	case m.Height == 0:
		return moment(m.Time) + " (not anchored)"
	}
	return fmt.Sprintf("%s (anchored in block %d)", moment(m.Time), m.Height)
}

func coverageText(r *api.AuditReport) string {
	var b strings.Builder
	for _, t := range r.Covered.Tables {
		fmt.Fprintf(&b, "Read %s of table %s, the oldest at %s.\n", count(t.Rows, "row"), shown(t.Name), moment(t.OldestRead))
	}
	for _, n := range r.Covered.NotCovered {
		if n.Failed {
			fmt.Fprintf(&b, "NOT READ: table %s: %s.\n", shown(n.Table), shown(strings.TrimSuffix(n.Reason, ".")))
			continue
		}
		rows := "all rows"
		if n.Rows > 0 {
			rows = count(n.Rows, "row")
		}
		fmt.Fprintf(&b, "Not covered: %s of table %s: %s.\n", rows, shown(n.Table), strings.TrimSuffix(n.Reason, "."))
	}
	for _, verdict := range slices.Sorted(maps.Keys(r.Counts)) {
		fmt.Fprintf(&b, "%s: %s.\n", capital(verdict), count(r.Counts[verdict], countedIn(verdict)))
	}
	return b.String()
}

// claimText says from when on and by what the report can be held to.
func claimText(r *api.AuditReport) string {
	var b strings.Builder
	if r.ProtectedSince != nil {
		fmt.Fprintf(&b, "Protected since %s; nothing is claimed of the time before.\n", moment(*r.ProtectedSince))
	} else {
		b.WriteString("No table was read, so nothing is claimed by this audit.\n")
	}
	if r.Checkpoint != nil {
		fmt.Fprintf(&b, "Log: %s, root %s.\n", count(r.Checkpoint.Size, "entry"), r.Checkpoint.Root)
	}
	if r.Chain != nil {
		fmt.Fprintf(&b, "Anchored in block %d at %s.\n", r.Chain.Height, moment(r.Chain.Time))
	} else {
		b.WriteString("This state of the log is not anchored yet.\n")
	}
	return b.String()
}

// countedIn is what a verdict is of.
func countedIn(verdict string) string {
	if verdict == "table lost" {
		return "table"
	}
	return "row"
}

func capital(word string) string {
	if word == "" {
		return word
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// findingsCSV writes one row per finding under a head.
func findingsCSV(out io.Writer, findings []api.Finding) error {
	w := csv.NewWriter(out)
	records := [][]string{{"verdict", "table", "key", "version", "columns",
		"last_seen_good", "last_seen_good_height", "first_seen_bad", "detail"}}
	for i := range findings {
		records = append(records, findingRecord(&findings[i]))
	}
	return w.WriteAll(records)
}

func findingRecord(f *api.Finding) []string {
	var good, height, bad string
	if f.LastSeenGood != nil {
		good, height = f.LastSeenGood.Time.UTC().Format(time.RFC3339), strconv.FormatInt(f.LastSeenGood.Height, 10)
	}
	if f.FirstSeenBad != nil {
		bad = f.FirstSeenBad.Time.UTC().Format(time.RFC3339)
	}
	return []string{f.Verdict, inert(f.Table), inert(f.Key), strconv.FormatUint(f.Version, 10),
		inert(strings.Join(f.Columns, " ")), good, height, bad, inert(f.Detail)}
}

// inert keeps a spreadsheet from reading a text of the source as a formula.
func inert(text string) string {
	if text == "" || !strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return text
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return text
	}
	return "'" + text
}
