package adapter

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// rotated is a store with two patients, of whom one is erased, and its key file.
type rotated struct {
	t      *testing.T
	config *config.Config
	file   string
	first  []byte // the key file as it was
}

func newRotated(t *testing.T) *rotated {
	t.Helper()
	dir := t.TempDir()
	r := &rotated{t: t, file: filepath.Join(dir, "wrapping.key"), config: &config.Config{}}
	r.config.Log = config.Log{Directory: filepath.Join(dir, "log"), WrappingKeyFile: config.SecretFile(r.file)}
	wrapping, err := keys.NewWrapping(rand.Reader)
	r.must(err)
	r.first = wrapping.Format()
	r.must(os.WriteFile(r.file, r.first, 0o600))
	r.must(recordlog.Create(r.config.Log.Directory, merkle.Origin("test", "00112233445566778899aabbccddeeff", 0), recordlog.Options{Wrapping: wrapping}))
	log := r.open(r.file)
	r.must(log.Update(func(b *recordlog.Batch) error {
		for n := range int64(2) {
			if _, _, err := b.Owner(recordlog.OwnerName{Kind: recordlog.OwnerPatient, Key: row.AppendCell(nil, row.NewInt(n+1))}); err != nil {
				return err
			}
		}
		return b.NoteWrapping()
	}))
	r.must(log.Update(func(b *recordlog.Batch) error {
		leaf, err := b.AppendEvent(commit.Erase, nil)
		return errors.Join(err, b.Destroy([]uint64{1}, leaf))
	}))
	r.must(log.Close())
	return r
}

func (r *rotated) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rotated) open(keyFile string) *recordlog.Log {
	r.t.Helper()
	text, err := os.ReadFile(keyFile)
	r.must(err)
	wrapping, err := keys.ParseWrapping(bytes.NewReader(text))
	r.must(err)
	log, err := recordlog.Open(r.config.Log.Directory, recordlog.Options{Wrapping: wrapping, Reserve: 1})
	r.must(err)
	return log
}

// lost reports which of the two patients' keys are lost.
func (r *rotated) lost(log *recordlog.Log) (erased, other bool) {
	_, a := log.OwnerKey(1)
	_, b := log.OwnerKey(2)
	return errors.Is(a, recordlog.ErrKeyLost), errors.Is(b, recordlog.ErrKeyLost)
}

func (r *rotated) rotate(step func(string) error) error {
	_, err := rotateKey(r.config, Options{Logger: zerolog.Nop(), Now: time.Now}, step)
	return err
}

// TestARotationCutOffIsBroughtToItsEnd stops a rotation after each of its steps, as a
// kill would, and calls it again.
func TestARotationCutOffIsBroughtToItsEnd(t *testing.T) {
	cut := errors.New("cut off")
	for stop := range 3 {
		r := newRotated(t)
		steps := 0
		err := r.rotate(func(string) error {
			if steps++; steps > stop {
				return cut
			}
			return nil
		})
		if (stop < 2) != errors.Is(err, cut) {
			t.Fatalf("stopped after %d steps: %v", stop, err)
		}
		if stop == 1 { // the store is the next key's, and the file not yet
			log := r.open(r.file + nextSuffix)
			if erased, other := r.lost(log); !erased || other {
				t.Errorf("the next key: erased lost %t, other lost %t", erased, other)
			}
			r.must(log.Close())
		}
		if stop < 2 {
			r.must(r.rotate(func(string) error { return nil }))
		}
		log := r.open(r.file)
		erased, other := r.lost(log)
		use, err := log.Wrapping()
		text, _ := os.ReadFile(r.file)
		_, rest := os.Stat(r.file + nextSuffix)
		if !erased || other || err != nil || bytes.Equal(text, r.first) || !bytes.Contains(text, []byte(use.ID)) || !errors.Is(rest, os.ErrNotExist) {
			t.Errorf("stopped after %d steps: erased lost %t, other lost %t, %s in use, %v, %v", stop, erased, other, use.ID, err, rest)
		}
		r.must(log.Close())
	}
}

// TestAKeyBeforeARotationOpensNothing: with the former key, which a copy was kept of,
// the store of now opens as little as an older store does with the key of now.
func TestAKeyBeforeARotationOpensNothing(t *testing.T) {
	r := newRotated(t)
	older := filepath.Join(t.TempDir(), "older")
	r.must(os.CopyFS(older, os.DirFS(r.config.Log.Directory)))
	kept := filepath.Join(t.TempDir(), "kept.key")
	r.must(os.WriteFile(kept, r.first, 0o600))
	r.must(r.rotate(func(string) error { return nil }))
	for keyFile, store := range map[string]string{kept: r.config.Log.Directory, r.file: older} {
		r.config.Log.Directory = store
		log := r.open(keyFile)
		if erased, other := r.lost(log); !erased || !other {
			t.Errorf("%s with %s: erased lost %t, other lost %t", store, keyFile, erased, other)
		}
		r.must(log.Close())
	}
}

// TestARotationLeavesAForeignStoreAlone: a key file that is not the store's is told,
// and nothing is wrapped by the next one.
func TestARotationLeavesAForeignStoreAlone(t *testing.T) {
	r := newRotated(t)
	foreign, err := keys.NewWrapping(rand.Reader)
	r.must(err)
	right := r.file + ".right"
	r.must(os.Rename(r.file, right))
	r.must(os.WriteFile(r.file, foreign.Format(), 0o600))
	if err := r.rotate(func(string) error { return nil }); err == nil {
		t.Error("rotated")
	}
	log := r.open(right)
	defer func() { r.must(log.Close()) }()
	if erased, other := r.lost(log); !erased || other {
		t.Errorf("erased lost %t, other lost %t", erased, other)
	}
}
