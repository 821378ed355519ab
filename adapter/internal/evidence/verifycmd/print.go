package verifycmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
)

// text prints the outcome for a person.
func (o *outcome) text(w io.Writer) error {
	var b strings.Builder
	if o.trust != nil {
		fmt.Fprintf(&b, "Trust file:  chain %q at block %d, as of %s\n", o.trust.ChainID, o.trust.Height,
			o.trust.AsOf.UTC().Format("2006-01-02 15:04:05 UTC"))
		half := len(o.trust.Fingerprint()) / 2
		fmt.Fprintf(&b, "Fingerprint: %s\n             %s\n", o.trust.Fingerprint()[:half], o.trust.Fingerprint()[half+1:])
		b.WriteString("             Compare it with the one that you were given by another way. If it differs, nothing below counts.\n")
	}
	if o.digest != "" {
		fmt.Fprintf(&b, "Evidence:    %q, %d bytes, SHA-256 %s\n", o.file, o.size, o.digest)
	}
	if o.err != nil {
		fmt.Fprintf(&b, "\nNOT VERIFIED: %v\n", o.err)
	} else {
		section(&b, "Checked", o.result.Checked())
		section(&b, "What it says", o.result.Says())
		section(&b, "What it does not say", o.result.SaysNot())
		fmt.Fprintf(&b, "\nVERIFIED. %s\n", o.result.Conclusion())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func section(b *strings.Builder, title string, lines []string) {
	fmt.Fprintf(b, "\n%s\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "  - %s\n", line)
	}
}

// wire is what --json prints.
type wire struct {
	Verified   bool             `json:"verified"`
	Error      string           `json:"error,omitempty"`
	Trust      *wireTrust       `json:"trust,omitempty"`
	File       string           `json:"file"`
	Size       int              `json:"size"`
	SHA256     string           `json:"sha256,omitempty"`
	Conclusion string           `json:"conclusion,omitempty"`
	Checked    []string         `json:"checked,omitempty"`
	Says       []string         `json:"says,omitempty"`
	SaysNot    []string         `json:"says_not,omitempty"`
	Result     *evidence.Result `json:"result,omitempty"`
}

type wireTrust struct {
	Fingerprint string    `json:"fingerprint"`
	ChainID     string    `json:"chain_id"`
	Height      int64     `json:"height"`
	AsOf        time.Time `json:"as_of"`
}

// json prints the outcome for a machine.
func (o *outcome) json(w io.Writer) error {
	out := wire{Verified: o.err == nil, File: o.file, Size: o.size, SHA256: o.digest}
	if o.trust != nil {
		out.Trust = &wireTrust{o.trust.Fingerprint(), o.trust.ChainID, o.trust.Height, o.trust.AsOf}
	}
	if o.err != nil {
		out.Error = o.err.Error()
	} else {
		out.Result, out.Conclusion = o.result, o.result.Conclusion()
		out.Checked, out.Says, out.SaysNot = o.result.Checked(), o.result.Says(), o.result.SaysNot()
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(out)
}
