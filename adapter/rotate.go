package adapter

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/keys"
)

// nextSuffix is of the file of a wrapping key that is not in use yet.
const nextSuffix = ".next"

// A Rotation is what became of a wrapping key.
type Rotation struct {
	Before, After string // ids
	File          string // of the key in use
}

// RotateKey makes a new wrapping key, wraps all owner keys by it and destroys the one
// before. The sidecar must be down. Cut off at any moment, it leaves a store that
// opens with the configured key file, or is brought to its end by calling it again.
func RotateKey(c *config.Config, o Options) (*Rotation, error) {
	return rotateKey(c, o, func(string) error { return nil })
}

// rotateKey calls step after each thing that it did, and stops where that fails.
func rotateKey(c *config.Config, o Options, step func(done string) error) (*Rotation, error) {
	file := string(c.Log.WrappingKeyFile)
	if !filepath.IsAbs(file) {
		return nil, config.NewError("log.wrapping_key_file", "is a credential that the service manager hands over, which nothing here can replace",
			"run the command with a configuration that names the file from which the credential is loaded")
	}
	before, err := readKey("log.wrapping_key_file", c.Log.WrappingKeyFile, keys.ParseWrapping)
	if err != nil {
		return nil, err
	}
	next, err := nextKey(file)
	if err != nil {
		return nil, err
	}
	if err := step("the next key is written"); err != nil {
		return nil, err
	}
	if before.ID() != next.ID() {
		if err := rewrap(c, o, before, next); err != nil {
			return nil, err
		}
	}
	if err := step("the owner keys are wrapped anew"); err != nil {
		return nil, err
	}
	return &Rotation{Before: before.ID(), After: next.ID(), File: file}, replaceKey(file)
}

// nextKey makes the next key, or reads the one of a rotation that was cut off.
func nextKey(file string) (*keys.Wrapping, error) {
	text, err := config.SecretFile(file + nextSuffix).Read()
	if err == nil {
		if next, err := keys.ParseWrapping(bytes.NewReader(text)); err == nil {
			return next, nil
		}
		// It was cut off while this was written, so nothing is wrapped by it.
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	next, err := keys.NewWrapping(rand.Reader)
	if err != nil {
		return nil, err
	}
	return next, writeLike(file+nextSuffix, file, next.Format())
}

// writeLike writes a file durably, with the mode and owner of another.
func writeLike(path, like string, text []byte) error {
	info, err := os.Stat(like)
	if err != nil {
		return fmt.Errorf("read wrapping key file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return fmt.Errorf("write the next wrapping key: %w", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, ownLike(f, info), f.Sync(), f.Close(), syncDirectory(path))
	if err != nil {
		return fmt.Errorf("write the next wrapping key: %w", err)
	}
	return nil
}

func syncDirectory(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// rewrap wraps the store's owner keys by the next key, unless a rotation that was cut
// off has.
func rewrap(c *config.Config, o Options, before, next *keys.Wrapping) (err error) {
	log, err := recordlog.Open(c.Log.Directory, recordlog.Options{Wrapping: before, Logger: o.Logger, Now: o.Now})
	if errors.Is(err, recordlog.ErrLocked) {
		return fmt.Errorf("%w: stop the sidecar first (systemctl stop emrbchain), and start it afterwards", err)
	}
	if err != nil {
		return fmt.Errorf("open the record log: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	use, err := log.Wrapping()
	if err != nil || use.ID == next.ID() {
		return err
	}
	err = log.Update(func(b *recordlog.Batch) error { _, err := b.Secret("wrapping"); return err })
	if errors.Is(err, recordlog.ErrKeyLost) {
		return config.NewError("log.wrapping_key_file", "is not the key that wraps the owner keys of the store in "+c.Log.Directory, "name the one in use")
	}
	if err != nil {
		return err
	}
	return log.Rewrap(next)
}

// replaceKey puts the next key into the place of the one before, and overwrites that.
func replaceKey(file string) error {
	old, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open the wrapping key to destroy it: %w", err)
	}
	info, err := old.Stat()
	if err == nil {
		err = os.Rename(file+nextSuffix, file)
	}
	if err == nil {
		err = syncDirectory(file)
	}
	if err == nil {
		_, err = old.WriteAt(make([]byte, info.Size()), 0)
	}
	if err = errors.Join(err, old.Sync(), old.Close()); err != nil {
		return fmt.Errorf("put the next wrapping key in place: %w", err)
	}
	return nil
}
