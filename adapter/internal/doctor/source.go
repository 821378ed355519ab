package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Source runs a tap, or attaches to it, for a survey of its source. A tap that
// does not come up is a check that fails.
func Source(ctx context.Context, o host.Options, q tap.SurveyRequest) (tap.Survey, error) {
	h, err := host.Start(ctx, o)
	var failure *host.Error
	if errors.As(err, &failure) {
		return tap.Survey{Checks: []tap.Check{fails("tap "+failure.Tap, "", failure.Reason, failure.Mend)}}, nil
	}
	if err != nil {
		return tap.Survey{}, err
	}
	attached := o.Socket != ""
	if !h.Tap().Describe().Survey && attached {
		return tap.Survey{Checks: []tap.Check{{Thing: "source", State: tap.CheckUnknown,
			Reason: "the tap serves no surveys, and is not opened beside the sidecar that may use it", Mend: "see emrbchain status"}}}, letGo(h, attached)
	}
	found, err := ask(ctx, h.Tap(), q)
	return found, errors.Join(err, letGo(h, attached))
}

// letGo closes a tap that was started for the survey, and only hangs up on one
// that may be serving a sidecar.
func letGo(h *host.Host, attached bool) error {
	if attached {
		h.Detach()
		return nil
	}
	return h.Close()
}

// ask asks for the survey, or opens a tap that serves none.
func ask(ctx context.Context, t tap.Tap, q tap.SurveyRequest) (tap.Survey, error) {
	if surveyor, ok := t.(tap.Surveyor); ok && t.Describe().Survey {
		return surveyor.Survey(ctx, q)
	}
	var found tap.Survey
	var setup *tap.SetupError
	switch err := t.Open(ctx, q.Config); {
	case errors.As(err, &setup):
		for _, p := range setup.Problems {
			found.Checks = append(found.Checks, fails(p.Thing, "", p.Reason, p.Mend))
		}
		return found, nil
	case err != nil:
		return found, err
	}
	found.Checks = append(found.Checks, ok("source", "the tap "+t.Describe().Name+" can read it"))
	tables, err := t.Tables(ctx)
	for _, table := range tables {
		found.Tables = append(found.Tables, tap.SurveyedTable{Table: table})
	}
	return found, err
}

// A Load is what taking in and auditing the tables costs, by estimates of the
// source and the sample that was read.
type Load struct {
	Covered, Refused int
	Rows             uint64
	SourceBytes      uint64
	LogBytes         uint64        // that the record log will take for them
	RowsPerSecond    float64       // that the tap read; 0 if it read none
	Reading          time.Duration // of all rows at that rate
}

// Estimate adds up what a survey found.
func Estimate(s *tap.Survey) Load {
	var l Load
	var read uint64
	var took time.Duration
	for i := range s.Tables {
		t := &s.Tables[i]
		if t.Refused != "" {
			l.Refused++
			continue
		}
		l.Covered++
		l.Rows += t.EstimatedRows
		l.SourceBytes += t.Bytes
		l.LogBytes += t.EstimatedRows * recordlog.VersionBytes(len(t.Columns), keyBytes(&t.Table))
		if t.Sample != nil && t.Sample.Problem == "" {
			read += t.Sample.Rows
			took += t.Sample.Took
		}
	}
	if took > 0 {
		l.RowsPerSecond = float64(read) / took.Seconds()
	}
	if l.RowsPerSecond > 0 {
		l.Reading = time.Duration(float64(l.Rows) / l.RowsPerSecond * float64(time.Second))
	}
	return l
}

// keyBytes is about what a table's key takes in its canonical form: numbers
// little, anything else as a name or a UUID does.
func keyBytes(t *tap.Table) int {
	n := 1
	for _, column := range t.Key {
		if t.Columns[column].Type == row.Int {
			n += 6
		} else {
			n += 24
		}
	}
	return n
}

// Bytes writes a size for a person.
func Bytes(n uint64) string {
	size, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	i := 0
	for size >= 1000 && i < len(units)-1 {
		size /= 1000
		i++
	}
	if size < 10 && i > 0 {
		return fmt.Sprintf("%.1f %s", size, units[i])
	}
	return fmt.Sprintf("%.0f %s", size, units[i])
}

// hostPort is host:port of the configured base URL of a node's RPC.
func hostPort(url string) string { return strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/") }
