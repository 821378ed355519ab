package taptest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/internal/memtap"
	"github.com/emrbchain/emrbchain/plugins/tap"
	"github.com/emrbchain/emrbchain/plugins/taptest"
)

// A breach breaks one promise; the named case must find it.
type breach struct {
	name   string
	caught string
	make   func(*memtap.Tap) tap.Tap
}

func setupBreaches() []breach {
	return []breach{
		{"another assurance", "describe", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, describe: func() tap.Description {
				d := t.Describe()
				d.Assurance = tap.LastVersion
				return d
			}}
		}},
		{"the second Open fails", "good-configuration", secondOpenFails()},
		{"mistakes are accepted", "bad-configuration", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, open: func(ctx context.Context, _ tap.Config) error { return t.Open(ctx, goodConfig()) }}
		}},
		{"mistakes are not told apart", "bad-configuration", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, open: func(ctx context.Context, config tap.Config) error {
				if t.Open(ctx, config) != nil {
					return errors.New("it does not work")
				}
				return nil
			}}
		}},
		{"a table is left out", "tables", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, tables: func(ctx context.Context) ([]tap.Table, error) {
				all, err := t.Tables(ctx)
				return all[:1], err
			}}
		}},
		{"a survey finds no mistake", "survey", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, survey: func(ctx context.Context, q tap.SurveyRequest) (tap.Survey, error) {
				q.Config.Settings = goodConfig().Settings
				return t.Survey(ctx, q)
			}}
		}},
		{"a survey reads no row", "survey", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, survey: func(ctx context.Context, q tap.SurveyRequest) (tap.Survey, error) {
				q.SampleRows = 0
				return t.Survey(ctx, q)
			}}
		}},
		{"a survey leaves a table out", "survey", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, survey: func(ctx context.Context, q tap.SurveyRequest) (tap.Survey, error) {
				found, err := t.Survey(ctx, q)
				found.Tables = found.Tables[:min(1, len(found.Tables))]
				return found, err
			}}
		}},
		{"Close may not be repeated", "close-twice", func(t *memtap.Tap) tap.Tap {
			closed := false
			return &broken{Tap: t, close: func() error {
				if closed {
					return errors.New("closed already")
				}
				closed = true
				return t.Close()
			}}
		}},
		{"a goroutine is left", "no-goroutine-left", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, open: func(ctx context.Context, config tap.Config) error {
				go func() { <-time.After(2 * time.Second) }() // it ends before the test binary does
				return t.Open(ctx, config)
			}}
		}},
		{"a row is told in an error", "no-secret-told", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, fetch: func(context.Context, string, [][]row.Value) (tap.Chunk, error) {
				return tap.Chunk{}, errors.New("cannot read the row of " + secret)
			}}
		}},
	}
}

func secondOpenFails() func(*memtap.Tap) tap.Tap {
	var opened atomic.Int32
	return func(t *memtap.Tap) tap.Tap {
		return &broken{Tap: t, open: func(ctx context.Context, config tap.Config) error {
			if opened.Add(1) > 1 {
				return errors.New("a lock is left from before")
			}
			return t.Open(ctx, config)
		}}
	}
}

func streamBreaches() []breach {
	return []breach{
		{"every fifth change is lost", "commit-order", altering(func(s tap.Sink) tap.Sink {
			n := 0
			return altered{Sink: s, change: func(c tap.Change) error {
				if n++; n%5 == 0 {
					return nil
				}
				return s.Change(c)
			}}
		})},
		{"a change comes twice", "commit-order", altering(func(s tap.Sink) tap.Sink {
			return altered{Sink: s, change: func(c tap.Change) error { return errors.Join(s.Change(c), s.Change(c)) }}
		})},
		{"a transaction is cut", "commit-order", altering(func(s tap.Sink) tap.Sink {
			return altered{Sink: s, change: func(c tap.Change) error {
				return errors.Join(s.Change(c), s.Commit(tap.Commit{Position: tap.Position("memory/clinic/1")}))
			}}
		})},
		{"changes of a transaction are turned round", "commit-order", altering(turnRound)},
		{"event ids repeat", "commit-order", altering(func(s tap.Sink) tap.Sink {
			return altered{Sink: s, change: func(c tap.Change) error {
				c.EventID = "same"
				return s.Change(c)
			}}
		})},
		{"what is rolled back is told", "rolled-back", altering(tellsRolledBack)},
		{"a resume begins one transaction too late", "resume-everywhere", resumesAfter(+1)},
		{"a resume begins one transaction too early", "resume-everywhere", resumesAfter(-1)},
		{"event ids change with each stream", "resume-everywhere", freshIDs()},
		{"a tap streams only once", "stream-again", func(t *memtap.Tap) tap.Tap {
			streamed := false
			return &broken{Tap: t, stream: func(ctx context.Context, from tap.Position, sink tap.Sink) error {
				if streamed {
					return errors.New("it streams once")
				}
				streamed = true
				return t.Stream(ctx, from, sink)
			}}
		}},
		{"a bad position means from now on", "abnormal-positions", positionsIgnored},
		{"what was sent is taken for logged", "kill-before-ack", forgetsSent()},
		{"an ack may not go back", "acks", func(t *memtap.Tap) tap.Tap {
			latest := ""
			return &broken{Tap: t, ack: func(ctx context.Context, position tap.Position) error {
				if string(position) <= latest {
					return errors.New("acknowledged already")
				}
				latest = string(position)
				return t.Ack(ctx, position)
			}}
		}},
		{"a gap is kept silent", "gap-on-lost-history", altering(func(s tap.Sink) tap.Sink {
			return altered{Sink: s, gap: func(g tap.Gap) error { return s.Commit(tap.Commit{Position: g.Position}) }}
		})},
		{"changes are held while the sink is called anew", "back-pressure", callsTogether},
		{"the stream ends with another error", "cancel", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, stream: func(ctx context.Context, from tap.Position, sink tap.Sink) error {
				return fmt.Errorf("ended: %v", t.Stream(ctx, from, sink))
			}}
		}},
		{"the stream does not end", "cancel", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, stream: func(ctx context.Context, from tap.Position, sink tap.Sink) error {
				err := t.Stream(ctx, from, sink)
				<-time.After(2 * patience)
				return err
			}}
		}},
	}
}

func readBreaches() []breach {
	return []breach{
		{"a fence comes early", "fence-under-writer", earlyFences},
		{"a fence never comes", "fence-under-writer", altering(func(s tap.Sink) tap.Sink {
			return altered{Sink: s, fence: func(tap.Fence) error { return nil }}
		})},
		{"rows are read as they were", "fence-under-writer", oldRows},
		{"a page leaves a row out", "scan-pages", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, scan: func(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
				chunk, err := t.Scan(ctx, table, after, limit)
				if len(chunk.Rows) > 2 {
					chunk.Rows = slices.Delete(chunk.Rows, 1, 2)
				}
				return chunk, err
			}}
		}},
		{"every page is the first", "scan-pages", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, scan: func(ctx context.Context, table string, _ []row.Value, limit int) (tap.Chunk, error) {
				return t.Scan(ctx, table, nil, limit)
			}}
		}},
		{"a scan gives more than was asked for", "scan-pages", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, scan: func(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
				return t.Scan(ctx, table, after, limit+1)
			}}
		}},
		{"an unknown table is empty", "scan-pages", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, scan: func(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
				chunk, err := t.Scan(ctx, table, after, limit)
				if errors.Is(err, tap.ErrTable) {
					return tap.Chunk{Last: true}, nil
				}
				return chunk, err
			}}
		}},
		{"fetch leaves the last key out", "fetch", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, fetch: func(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, error) {
				return t.Fetch(ctx, table, keys[:len(keys)-1])
			}}
		}},
		{"equal rows are read once", "table-without-key", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, scan: func(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
				chunk, err := t.Scan(ctx, table, after, limit)
				if chunk.Table != nil && chunk.Table.Keyless() {
					chunk.Rows = chunk.Rows[:min(1, len(chunk.Rows))]
				}
				return chunk, err
			}}
		}},
		{"a table without a key is read in part", "table-without-key", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, scan: func(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
				return t.Scan(ctx, table, after, limit+10)
			}}
		}},
		{"a scan rounds floats", "same-bytes", func(t *memtap.Tap) tap.Tap {
			return &broken{Tap: t, scan: func(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
				chunk, err := t.Scan(ctx, table, after, limit)
				for _, r := range chunk.Rows {
					if last := len(r.Cells) - 1; r.Cells[last].Type() == row.Float64 {
						r.Cells[last] = row.NewFloat32(-0.5)
					}
				}
				return chunk, err
			}}
		}},
	}
}

// patience is short, for the broken taps make the kit wait in vain.
const patience = 400 * time.Millisecond

func TestEveryCaseCanFail(t *testing.T) {
	caught := map[string]bool{}
	for _, b := range slices.Concat(setupBreaches(), streamBreaches(), readBreaches()) {
		t.Run(b.caught+"/"+b.name, func(t *testing.T) {
			h := harness(tap.EveryVersion, b.make)
			h.Patience = patience
			names := []string{b.caught}
			if b.caught == "no-secret-told" {
				names = append(names, "fetch") // which hears what the tap tells
			}
			report := taptest.Run(t.Context(), h, names...)
			last := report.Results[len(report.Results)-1]
			if last.Verdict != taptest.Failed {
				t.Fatalf("the case does not find it: %s", report)
			}
			t.Log(last.Detail)
		})
		caught[b.caught] = true
	}
	for _, c := range taptest.Cases() {
		if !caught[c.Name] {
			t.Errorf("nothing shows that the case %s can fail", c.Name)
		}
	}
}
