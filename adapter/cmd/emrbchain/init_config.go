package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/configs"
)

// configText writes the sidecar's configuration.
func (p *initPlan) configText(tables []config.Table) string {
	f := p.flags
	var y yamlWriter
	y.line("# A sidecar of EMRBchain. Check it after a change: emrbchain check-config FILE")
	y.section("log", "the record log: the sidecar's only store")
	y.field("directory", p.logDirectory, "")
	y.field("wrapping_key_file", p.file(wrappingName), "wraps the keys of the commitments")
	y.field("log_key_file", p.file(logKeyName), "signs the checkpoints")
	y.section("chain", "what anchors the log")
	y.field("id", f.chain, "")
	y.field("rpc", f.rpc, "a node of the chain")
	y.field("member", f.member, "this organisation")
	y.field("member_key_file", p.file(memberName), "")
	y.field("log_id", p.logID, "")
	y.section("source", "the database and the tap that reads it")
	y.field("name", p.sourceName(), "for status and reports")
	y.field("tap", f.tap, "")
	y.line("  settings:")
	for _, s := range p.source.settings {
		y.indented("    ", s.name, s.value, s.says)
	}
	if text, ok := configs.Preset(f.preset); ok {
		y.line("  tables:")
		y.WriteString(configs.Tables(text, f.preset, f.schema))
	} else {
		y.tables(tables)
	}
	if p.epoch != nil {
		p.patientsText(&y)
	}
	y.section("http", "for machines beside the sidecar; an empty listen is none")
	y.field("listen", f.http, "")
	if f.http != "" {
		y.field("token_file", p.file(tokenName), "")
	}
	y.section("control", "for the commands on this host")
	y.field("socket", p.socket, "")
	return y.String()
}

// patientsText writes the preset's section of patients with the keys made for it.
func (p *initPlan) patientsText(y *yamlWriter) {
	text, _ := configs.Preset(p.flags.preset)
	y.section("patients", "by what they are found from other hospitals: compare systems and columns with your database")
	y.field("site_key_file", p.file(siteName), "makes the ids that this site's staff see")
	y.line("  epochs:")
	y.line(fmt.Sprintf("    - {number: %d, key_file: %s}", p.epoch.Epoch(), quoteYAML(p.file(epochName))))
	y.WriteString(configs.Patients(text, p.flags.preset, p.flags.schema))
}

func (p *initPlan) file(name string) string { return filepath.Join(p.directory, name) }

func (p *initPlan) sourceName() string {
	if p.flags.name != "" {
		return p.flags.name
	}
	return filepath.Base(p.directory)
}

// yamlWriter writes YAML whose values are in JSON's form, which YAML includes.
type yamlWriter struct{ strings.Builder }

func (y *yamlWriter) line(text string) { y.WriteString(text + "\n") }

func (y *yamlWriter) section(name, says string) {
	fmt.Fprintf(y, "\n%s: # %s\n", name, says)
}

func (y *yamlWriter) field(name string, value any, says string) { y.indented("  ", name, value, says) }

func (y *yamlWriter) indented(space, name string, value any, says string) {
	text := quoteYAML(value)
	if says != "" {
		text += " # " + says
	}
	y.line(space + name + ": " + text)
}

func (y *yamlWriter) tables(tables []config.Table) {
	y.line("  tables:")
	for _, t := range tables {
		y.line("    - name: " + quoteYAML(t.Name))
		if t.Nobody {
			y.line("      nobody: true # its rows belong to no patient")
		} else {
			y.line("      patient: " + quoteYAML(t.Patient.Column) + " # the column with the patient's key")
		}
	}
}

func quoteYAML(value any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(value) != nil { // text and numbers alone come here
		return `""`
	}
	return strings.TrimSpace(b.String())
}
