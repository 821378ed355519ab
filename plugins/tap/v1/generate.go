// Package tapv1 is the wire contract between EMRBchain and a tap, generated
// from tap.proto, which is the page to read for authors in other languages.
// Authors in Go need package tap alone.
package tapv1

//go:generate sh generate.sh
