package peers

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	refreshEvery = 10 * time.Second
	refreshTime  = 5 * time.Second
	// rosterAge is how old the directory may be to say who is a member: a node
	// that is down for longer leaves everybody unknown.
	rosterAge = 5 * time.Minute
)

// roster is the directory as it was read last. Looking up never waits for the
// chain, so whoever knocks cannot make it work.
type roster struct {
	directory Directory
	self      string
	logger    zerolog.Logger

	mu    sync.Mutex
	read  time.Time
	byID  map[string]Member
	byTLS map[string]string // TLS key → id
}

func newRoster(d Directory, self string, logger zerolog.Logger) *roster {
	return &roster{directory: d, self: self, logger: logger}
}

// run reads the directory again and again until ctx ends.
func (r *roster) run(ctx context.Context) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	failing := false
	for {
		err := r.refresh(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			r.logger.Warn().Str("event", "directory not read").Err(err).Msg("who is a member is taken from the last reading")
		}
		failing = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// refresh reads the directory. A TLS key that two members name is neither's.
func (r *roster) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	members, err := r.directory.Members(ctx)
	if err != nil {
		return fmt.Errorf("read the chain's directory: %w", err)
	}
	byID, byTLS, shared := map[string]Member{}, map[string]string{}, map[string]bool{}
	for _, m := range members {
		if m.ID == r.self || len(m.TLS) != ed25519.PublicKeySize {
			continue
		}
		key := string(m.TLS)
		_, taken := byTLS[key]
		shared[key] = taken
		byID[m.ID], byTLS[key] = m, m.ID
	}
	maps.DeleteFunc(byTLS, func(key, _ string) bool { return shared[key] })
	maps.DeleteFunc(byID, func(_ string, m Member) bool { return shared[string(m.TLS)] })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read, r.byID, r.byTLS = time.Now(), byID, byTLS
	return nil
}

// of returns the member whose TLS key it is.
func (r *roster) of(key ed25519.PublicKey) (Member, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, ok := r.byTLS[string(key)]
	if !ok || time.Since(r.read) > rosterAge {
		return Member{}, errUnknown
	}
	return r.byID[id], nil
}

func (r *roster) list() []Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.byID), func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
}

// errNoContact says that a member cannot be called.
var errNoContact = errors.New("the chain's directory does not say how it is reached; its operator must register endpoint and keys")

// member returns a member to call, as the chain has it now, or had it a moment ago
// where its node does not answer.
func (r *roster) member(ctx context.Context, id string) (Member, error) {
	err := r.refresh(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && (r.read.IsZero() || time.Since(r.read) > rosterAge) {
		return Member{}, err
	}
	m, ok := r.byID[id]
	if !ok {
		return Member{}, errNoContact
	}
	return m, nil
}
