package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/doctor"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// surveyReport is what doctor --json and try --json print.
type surveyReport struct {
	OK     bool              `json:"ok"`
	Checks []surveyCheck     `json:"checks"`
	Tables []surveyTable     `json:"tables"`
	Load   surveyLoad        `json:"load"`
	Facts  map[string]string `json:"facts"`
}

type surveyCheck struct {
	Thing  string   `json:"thing"`
	State  string   `json:"state"` // ok, warn, fail, unknown
	Found  string   `json:"found"`
	Reason string   `json:"reason,omitempty"`
	SQL    []string `json:"sql,omitempty"`
	Mend   string   `json:"mend,omitempty"`
}

type surveyTable struct {
	Name          string   `json:"name"`
	Covered       bool     `json:"covered"`
	Reason        string   `json:"reason,omitempty"`
	Notes         []string `json:"notes,omitempty"`
	Engine        string   `json:"engine,omitempty"`
	EstimatedRows uint64   `json:"estimated_rows"`
	Bytes         uint64   `json:"bytes"`
	RowsRead      uint64   `json:"rows_read"`
	Problem       string   `json:"problem,omitempty"`
}

type surveyLoad struct {
	Covered        int     `json:"covered"`
	Refused        int     `json:"refused"`
	Rows           uint64  `json:"rows"`
	LogBytes       uint64  `json:"log_bytes"`
	RowsPerSecond  float64 `json:"rows_per_second"`
	ReadingSeconds float64 `json:"reading_seconds"`
}

// printSurvey prints what was found, and returns exitFailure if anything fails.
func printSurvey(out io.Writer, s *tap.Survey, load doctor.Load, asJSON bool) error {
	report := newSurveyReport(s, load)
	var err error
	if asJSON {
		err = printJSON(out, report)
	} else {
		_, err = io.WriteString(out, surveyText(report, load))
	}
	if err != nil {
		return err
	}
	if !report.OK {
		return exitCode(exitFailure)
	}
	return nil
}

func newSurveyReport(s *tap.Survey, load doctor.Load) *surveyReport {
	r := &surveyReport{OK: load.Refused == 0, Checks: []surveyCheck{}, Tables: []surveyTable{}, Facts: map[string]string{},
		Load: surveyLoad{load.Covered, load.Refused, load.Rows, load.LogBytes, load.RowsPerSecond, load.Reading.Seconds()}}
	for _, c := range s.Checks {
		r.OK = r.OK && c.State != tap.CheckFail
		r.Checks = append(r.Checks, surveyCheck{c.Thing, c.State.String(), c.Found, c.Reason, c.SQL, c.Mend})
	}
	for _, t := range s.Tables {
		row := surveyTable{Name: t.Name, Covered: t.Refused == "", Reason: t.Refused, Notes: t.Notes, Engine: t.Engine,
			EstimatedRows: t.EstimatedRows, Bytes: t.Bytes}
		if t.Sample != nil {
			row.RowsRead, row.Problem = t.Sample.Rows, t.Sample.Problem
			r.OK = r.OK && t.Sample.Problem == ""
		}
		r.Tables = append(r.Tables, row)
	}
	for _, f := range s.Facts {
		r.Facts[f.Name] = f.Value
	}
	return r
}

// surveyText tells it to a person, in lines of 80 characters.
func surveyText(r *surveyReport, load doctor.Load) string {
	var b strings.Builder
	count := map[string]int{}
	for i := range r.Checks {
		count[r.Checks[i].State]++
		writeCheck(&b, &r.Checks[i])
	}
	if len(r.Tables) > 0 {
		fmt.Fprintf(&b, "\n%-44s %14s %10s %s\n", "table", "rows about", "size", "read")
	}
	for i := range r.Tables {
		writeTable(&b, &r.Tables[i])
	}
	b.WriteString("\n" + loadText(load))
	fmt.Fprintf(&b, "%d ok, %d to warn of, %d unknown, %d failed.\n", count["ok"], count["warn"], count["unknown"], count["fail"])
	if out := load.Refused + unread(r); out > 0 {
		wrapped(&b, "", fmt.Sprintf("This does not pass: %d of %d tables cannot be covered, or not be read; "+
			"the list says why. Mend them, or leave them out of source.tables.", out, len(r.Tables)))
	}
	return b.String()
}

// unread counts the covered tables of which no row could be read.
func unread(r *surveyReport) (n int) {
	for i := range r.Tables {
		if r.Tables[i].Covered && r.Tables[i].Problem != "" {
			n++
		}
	}
	return n
}

func writeCheck(b *strings.Builder, c *surveyCheck) {
	state := c.State
	if state != "ok" {
		state = strings.ToUpper(state)
	}
	wrapped(b, fmt.Sprintf("%-8s", state), shown(c.Thing)+found(c.Found))
	if c.Reason != "" {
		wrapped(b, strings.Repeat(" ", 8), shown(c.Reason))
	}
	for _, statement := range c.SQL {
		fmt.Fprintf(b, "%16s%s;\n", "", shown(statement)) // whole, to be copied
	}
	if c.Mend == "" {
		return
	}
	first, script, _ := strings.Cut(c.Mend, "\n")
	wrapped(b, "        mend:   ", shown(first))
	for line := range strings.Lines(script) {
		fmt.Fprintf(b, "%16s%s\n", "", shown(strings.TrimRight(line, "\n")))
	}
}

func found(text string) string {
	if text == "" {
		return ""
	}
	return ": " + shown(text)
}

func writeTable(b *strings.Builder, t *surveyTable) {
	if !t.Covered {
		wrapped(b, "", shown(t.Name)+": NOT COVERED")
		wrapped(b, strings.Repeat(" ", 8), shown(t.Reason))
		return
	}
	fmt.Fprintf(b, "%-44s %14s %10s %s\n", shown(t.Name), thousands(t.EstimatedRows), doctor.Bytes(t.Bytes), thousands(t.RowsRead))
	if t.Problem != "" {
		wrapped(b, strings.Repeat(" ", 8), "CANNOT BE READ: "+shown(t.Problem))
	}
	for _, note := range t.Notes {
		wrapped(b, strings.Repeat(" ", 8), shown(note))
	}
}

func loadText(l doctor.Load) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s covered, %d not; about %s, %s.\n", count(l.Covered, "table"), l.Refused, count(l.Rows, "row"), doctor.Bytes(l.SourceBytes))
	if l.Reading > 0 {
		wrapped(&b, "", fmt.Sprintf("Reading all once, as taking them in and each audit do, takes the database about %s: "+
			"%s rows a second were read. The sidecar may take longer.", l.Reading.Round(time.Second), thousands(int64(l.RowsPerSecond))))
	}
	if l.LogBytes > 0 {
		wrapped(&b, "", fmt.Sprintf("The record log takes about %s for them, and as much again for each change of every row: "+
			"200 bytes a version, 34 a column and twice the key, as measured.", doctor.Bytes(l.LogBytes)))
	}
	return b.String()
}

// wrapped writes a text in lines of at most 80 characters behind a head.
func wrapped(b *strings.Builder, head, text string) {
	line := head
	for _, word := range strings.Fields(text) {
		if len([]rune(line))+len([]rune(word)) > 79 && strings.TrimSpace(line) != "" && line != head {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = strings.Repeat(" ", len(head))
		}
		line += word + " "
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
