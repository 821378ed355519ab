// Package adapter assembles the sidecar, in the order in which the data goes:
// from the tap through ingest to the record log, from there to the chain; and
// back out through audits, proofs and the two doors that answer questions.
// main and the end-to-end tests run the same assembly.
package adapter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/anchoring"
	"github.com/emrbchain/emrbchain/adapter/internal/audit"
	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/patients"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/plugins/host"
)

// Options are what the process gives the sidecar beside its configuration.
type Options struct {
	Version string
	Logger  zerolog.Logger
	// BuiltIn is the command line that runs a built-in tap, before the tap's
	// name.
	BuiltIn []string
	// Ready is called once the doors are open and the tap is being attached;
	// may be nil.
	Ready func()
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Sidecar is one sidecar, assembled.
type Sidecar struct {
	config  *config.Config
	options Options
	started time.Time

	log        *recordlog.Log
	logKey     *keys.LogKey
	patients   *patients.Patients // nil: nobody is to be found
	ingest     *ingest.Ingest
	anchoring  *anchoring.Anchoring
	auditor    *audit.Auditor
	meter      sweep.Meter // of audits
	chain      *chain
	exchange   *exchange // nil: it speaks to no other member's
	scrub      *scrub
	supervisor *host.Supervisor

	mu        sync.Mutex
	auditErr  error                // why the last audit could not be completed; nil if it was
	nextAudit time.Time            // by the process's own clock, which nobody sets
	auditing  sync.Mutex           // one audit at a time
	ordering  sync.Mutex           // one order at a time
	secret    [commit.KeySize]byte // of authority.RowDigest
}

// Run runs a sidecar until ctx ends or it cannot go on.
func Run(ctx context.Context, c *config.Config, o Options) error {
	s, err := New(c, o)
	if err != nil {
		return err
	}
	defer func() { _ = s.log.Close() }() // everything that counts is synced
	return s.Run(ctx)
}

// New opens the record log and assembles the stages around it.
func New(c *config.Config, o Options) (*Sidecar, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Sidecar{config: c, options: o, started: o.Now()}
	if err := s.openLog(); err != nil {
		return nil, err
	}
	if err := errors.Join(s.checkWrapping(), s.openChain()); err != nil {
		_ = s.log.Close() // the first error tells why
		return nil, err
	}
	var err error
	if err = s.openPatients(); err != nil {
		_ = s.log.Close() // the first error tells why
		return nil, err
	}
	if s.ingest, err = ingest.New(s.log, ingest.Options{Mappings: mappings(c), Rules: clinicalRules(c), ChunkRows: c.Audit.ChunkRows,
		Identities: s.identities(), MaxRowsPerSecond: c.Source.MaxRowsPerSecond, Logger: o.Logger, Now: o.Now}); err != nil {
		_ = s.log.Close() // the first error tells why
		return nil, err
	}
	if s.anchoring, err = anchoring.New(s.log, s.chain, anchoring.Options{Signer: s.logKey.Signer(), Cadence: c.Chain.Cadence,
		Bucket: c.Chain.PadTo, Logger: o.Logger, Now: o.Now}); err != nil {
		_ = s.log.Close() // the first error tells why
		return nil, err
	}
	if err = s.openPeers(); err != nil {
		_ = s.log.Close() // the first error tells why
		return nil, err
	}
	if s.scrub, err = newScrub(s.log, o.Logger, o.Now); err != nil {
		_ = s.log.Close() // the first error tells why
		return nil, err
	}
	s.auditor = audit.New(s.log, s.ingest, anchors{s.log, s.anchoring}, audit.Options{ChunkRows: c.Audit.ChunkRows,
		Secret: s.secret, Logger: o.Logger, Now: o.Now})
	s.supervisor = host.NewSupervisor(s.hostOptions(), host.Backoff{})
	return s, nil
}

// openLog opens the record log with the wrapping key and the log's key.
func (s *Sidecar) openLog() error {
	wrapping, err := readKey("log.wrapping_key_file", s.config.Log.WrappingKeyFile, keys.ParseWrapping)
	if err != nil {
		return err
	}
	if s.logKey, err = readKey("log.log_key_file", s.config.Log.LogKeyFile, keys.ParseLogKey); err != nil {
		return err
	}
	if s.log, err = s.openStore(wrapping); err != nil {
		return fmt.Errorf("open the record log: %w", err)
	}
	if s.log.Origin() != s.logKey.Origin() {
		_ = s.log.Close() // the mismatch tells why
		return config.NewError("log.log_key_file", fmt.Sprintf("the key is of log %q, the store in %s is of %q",
			s.logKey.Origin(), s.config.Log.Directory, s.log.Origin()), "configure the key that init made for it")
	}
	return nil
}

// checkWrapping enters the start in the log, which takes the log's own owner
// key, and so finds out whether the wrapping key is the store's. A store that
// takes nothing is reported and still answers.
func (s *Sidecar) checkWrapping() error {
	err := s.recordStart()
	if errors.Is(err, recordlog.ErrKeyLost) {
		return config.NewError("log.wrapping_key_file", "is not the key that wraps the owner keys of the store in "+
			s.config.Log.Directory, "configure the key that is in use; if emrbchain keys rotate was cut off, run it again")
	}
	if err != nil {
		s.options.Logger.Error().Str("event", "start not recorded").Err(err).Msg("the record log takes nothing")
		return nil
	}
	back, err := s.log.DestroyAgain()
	if back > 0 {
		s.options.Logger.Error().Str("event", "destroyed keys were put back").Int("keys", back).Err(err).
			Msg("somebody put keys of erased patients into the store; they were destroyed again")
	}
	return err
}

// lockPatience is how long a store may still be held by a sidecar that is just
// ending.
const lockPatience = 2 * time.Second

func (s *Sidecar) openStore(wrapping *keys.Wrapping) (*recordlog.Log, error) {
	options := recordlog.Options{Wrapping: wrapping, OwnerRows: s.config.Patients.Any(), Logger: s.options.Logger, Now: s.options.Now}
	for began := time.Now(); ; {
		log, err := recordlog.Open(s.config.Log.Directory, options)
		if !errors.Is(err, recordlog.ErrLocked) || time.Since(began) > lockPatience {
			return log, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *Sidecar) openChain() error {
	member, err := readKey("chain.member_key_file", s.config.Chain.MemberKeyFile, keys.ParseMember)
	if err != nil {
		return err
	}
	origin, err := rules.ParseOrigin(s.log.Origin())
	if err != nil {
		return fmt.Errorf("read the log's origin: %w", err)
	}
	if origin.Chain != s.config.Chain.ID {
		return config.NewError("chain.id", fmt.Sprintf("is %q, the store is a log of chain %q", s.config.Chain.ID, origin.Chain),
			"configure that chain, or make a new store with init")
	}
	if origin.Log != s.config.Chain.LogID {
		return config.NewError("chain.log_id", fmt.Sprintf("is %q, the store in %s is log %q",
			s.config.Chain.LogID, s.config.Log.Directory, origin.Log), "name that log's directory, or write its id")
	}
	c, err := client.Dial(dialAddress(s.config.Chain.RPC))
	if err != nil {
		return fmt.Errorf("chain.rpc: %w", err)
	}
	s.chain = &chain{client: c.ForChain(origin.Chain), log: s.log, logID: origin.Log, incarnation: origin.Incarnation,
		logKey: s.logKey.VerifierKey(), member: s.config.Chain.Member, signer: memberSigner{member},
		logSigner: s.logKey.Signer(), trustFile: s.config.Chain.TrustFile}
	return nil
}

// Run works until ctx ends or a part that the others need fails.
func (s *Sidecar) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	handler := control.NewHandler(s, s.options.Logger)
	var group sync.WaitGroup
	work := func(name string, run func(context.Context) error) {
		group.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	doors, err := s.openDoors(handler)
	if err != nil {
		return err
	}
	for _, d := range doors {
		work(d.name, d.serve)
	}
	work("tap", s.runTap)
	work("anchoring", s.runAnchoring)
	work("audits", s.runAudits)
	work("scrub", s.scrub.run)
	if s.exchange != nil {
		work("peers", s.exchange.peers.Run)
		work("contact", s.publishContact)
	}
	if s.options.Ready != nil {
		s.options.Ready()
	}
	<-ctx.Done()
	handler.Close()
	group.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// runAnchoring anchors until ctx ends. That the chain refuses the log is
// reported, loudly, but stops neither the tap nor audits.
func (s *Sidecar) runAnchoring(ctx context.Context) error {
	err := s.anchoring.Run(ctx)
	if ctx.Err() == nil && err != nil {
		s.options.Logger.Error().Str("event", "anchoring halted").Err(err).Msg("the log is not anchored any more")
		<-ctx.Done()
	}
	return nil
}

// readKey reads a key from the secret file that a field names.
func readKey[K any](field string, file config.SecretFile, parse func(io.Reader) (K, error)) (key K, err error) {
	text, err := readSecret(field, file)
	if err != nil {
		return key, err
	}
	if key, err = parse(bytes.NewReader(text)); err != nil {
		return key, config.NewError(field, err.Error(), "name the file that init made for it")
	}
	return key, nil
}

// readSecret reads the secret file that a field names. A mistake is one of the
// configuration.
func readSecret(field string, file config.SecretFile) ([]byte, error) {
	text, err := file.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, config.NewError(field, err.Error(), "name the file that init made for it, or restore that from its backup")
	case errors.Is(err, fs.ErrPermission):
		return nil, config.NewError(field, err.Error(), "let the sidecar's user read it")
	case err != nil:
		return nil, config.NewError(field, err.Error(), "")
	}
	return text, nil
}
