package sqlite

import (
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writerProcess reports whether this process is the writing application that
// TestWriterInAnotherProcess starts, and then writes until it is killed.
func writerProcess() bool {
	path := os.Getenv("EMR_WRITER")
	if path == "" {
		return false
	}
	e := &emr{t: &writerTB{}, path: path}
	e.reopen()
	for work := newWorkload(e, 3); ; {
		work.step()
	}
}

// writerTB lets the writer use the test's helpers outside a test.
type writerTB struct{ testing.TB }

func (*writerTB) Helper()               {}
func (*writerTB) Cleanup(func())        {}
func (*writerTB) Fatal(...any)          { os.Exit(1) }
func (*writerTB) Fatalf(string, ...any) { os.Exit(1) }

// The application is another process, and dies in the midst of its work.
func TestWriterInAnotherProcess(t *testing.T) {
	for _, journal := range journals {
		t.Run(journal, func(t *testing.T) {
			e := newEMR(t, "PRAGMA journal_mode = "+journal, patientsSQL)
			e.install(DefaultKeep)
			e.db.Close()
			x := e.open("patients")
			s := stream(t, x, nil)
			for range repeat(3, 1) {
				writer := exec.Command(os.Args[0])
				writer.Env = append(os.Environ(), "EMR_WRITER="+e.path)
				if err := writer.Start(); err != nil {
					t.Fatal(err)
				}
				enough := len(s.changesSoFar()) + repeat(150, 20)
				s.wait(t, "changes of the writer", func([]any) bool { return len(s.events) > enough })
				writer.Process.Kill()
				writer.Wait()
			}
			s.recover(e)
			if diff := cmp.Diff(contents(t, x, "patients", 5), s.rows); diff != "" {
				t.Errorf("replica differs: %s", diff)
			}
			if g := s.gaps(); len(g) > 0 {
				t.Errorf("gap: %v", g)
			}
		})
	}
}

func (s *running) changesSoFar() []any {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.events
}

// recover starts the application again after its death, which rolls back what
// the dead process left: a reader alone may not.
func (s *running) recover(e *emr) {
	e.reopen()
	e.exec("UPDATE patients SET weight = 1")
	s.settle()
}
