package sidecartest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// Store is the directory of the sidecar's record log.
func (s *Sidecar) Store() string { return s.File("log") }

// CopyStore copies the store of a sidecar that does not run, as a backup
// would, and returns where the copy is.
func (s *Sidecar) CopyStore() string {
	s.t.Helper()
	copied := filepath.Join(s.t.TempDir(), "store")
	s.must(os.CopyFS(copied, os.DirFS(s.Store())))
	return copied
}

// PutBackStore puts a copy in the place of the store of a sidecar that does
// not run.
func (s *Sidecar) PutBackStore(copied string) {
	s.t.Helper()
	s.must(os.RemoveAll(s.Store()))
	s.must(os.CopyFS(s.Store(), os.DirFS(copied)))
}

// Until waits until a status of the sidecar is as a test wants it: want
// returns what is not so yet.
func (s *Sidecar) Until(want func(*api.Status) error) *api.Status {
	s.t.Helper()
	c := s.Control()
	var status *api.Status
	Eventually(s.t, 3*time.Minute, func(ctx context.Context) (err error) {
		if status, err = c.Status(ctx); err != nil {
			return err
		}
		return want(status)
	})
	return status
}

// NotReady waits until the sidecar says that it is not ready, with every one
// of some words in the reasons.
func (s *Sidecar) NotReady(words ...string) *api.Status {
	s.t.Helper()
	return s.Until(func(status *api.Status) error {
		reasons := strings.Join(status.NotReady, "\n")
		for _, w := range words {
			if !strings.Contains(reasons, w) {
				return fmt.Errorf("waiting for %q in %q", w, reasons)
			}
		}
		return nil
	})
}

// Ready waits until the sidecar is ready.
func (s *Sidecar) Ready() *api.Status {
	s.t.Helper()
	return s.Until(func(status *api.Status) error {
		if !status.Ready {
			return fmt.Errorf("not ready: %q", status.NotReady)
		}
		return nil
	})
}

// Told is everything that the sidecar and its tap have written to their
// diary.
func (s *Sidecar) Told() string {
	s.t.Helper()
	text, err := os.ReadFile(s.File("sidecar.log"))
	s.must(err)
	return string(text)
}

// KeepsSecret demands that none of some secrets stands in what sidecars and
// nodes wrote, nor in further texts.
func KeepsSecret(t testing.TB, s *Sidecar, secrets []string, texts ...string) {
	t.Helper()
	texts = append(texts, s.Told())
	for i := range s.chain.nodes {
		text, err := os.ReadFile(filepath.Join(s.chain.homes[i], "node.log"))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	for _, text := range texts {
		for _, secret := range secrets {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("the secret %q is told: …%s…", secret, text[max(0, at-200):min(len(text), at+100)])
			}
		}
	}
}
