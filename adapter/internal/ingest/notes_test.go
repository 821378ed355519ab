package ingest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// TestTheLogSaysAtTheStartWhatTheTapSaysOfItsTables.
func TestTheLogSaysAtTheStartWhatTheTapSaysOfItsTables(t *testing.T) {
	var log bytes.Buffer
	b := newBench(t, 10)
	b.open(ingest.Options{Mappings: []rows.Mapping{{Table: "t"}}, Logger: zerolog.New(&log)})
	x := newScripted(newSource(), tap.EveryVersion)
	x.table.Notes = []string{"not verified on this server"}
	b.run(x)
	b.settle()
	b.stop()
	if got := log.String(); strings.Count(got, `"event":"source note","tables":["t"],"message":"not verified on this server"`) != 1 {
		t.Errorf("the log says:\n%s", got)
	}
}
