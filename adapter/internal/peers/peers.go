// Package peers lets the sidecars of members speak to each other: HTTP/2 over
// mutual TLS 1.3.
//
//	Call: dial the member's endpoint → its key is the directory's? → POST → answer
//	Serve: handshake → whose key is it? → the member's own limits → Service → answer
//
// There is no authority for certificates: a certificate is signed by its own
// Ed25519 key, and the key is compared with the one that the chain's directory
// holds for the member. Names and times in a certificate say nothing. So both
// sides know which member speaks, and a member that leaves the directory is gone
// within a minute. Who is not in it learns that he is unknown, and no more.
//
// Each member has limits of its own: connections, requests at the same time,
// requests a second, bytes. There is no pool that members share and one could
// drain. What a service answers is its own affair; an error reaches the peer as a
// code alone.
package peers

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/seal"
)

// A Member is what the chain's directory says of a member.
type Member struct {
	ID         string
	Key        ed25519.PublicKey // signs as the member
	Endpoint   string            // host:port of its sidecar
	TLS        ed25519.PublicKey // of its sidecar
	Recipients []*seal.Public    // that messages to it are sealed to, the preferred one first
}

// A Directory lists the members that have told how they are reached.
type Directory interface {
	Members(ctx context.Context) ([]Member, error)
}

// A Handler answers one request of a member. An error that has a Code() string
// reaches the peer as that code; any other only as "failed".
type Handler func(ctx context.Context, from Member, body []byte) ([]byte, error)

// A Service answers the requests of one kind. A member's limits hold for each
// service on its own.
type Service struct {
	MaxBody   int     // bytes of a request
	PerSecond float64 // requests of one member, on average
	Burst     int     // and at once
	AtOnce    int     // in work
	Handle    Handler
}

// Options are what peers are made from.
type Options struct {
	Self      string       // this member's id
	Key       *keys.Member // Ed25519 key of this sidecar's TLS
	Directory Directory
	Services  map[string]Service // by name
	Logger    zerolog.Logger
}

// Peers is this sidecar among those of the other members.
type Peers struct {
	options     Options
	certificate tls.Certificate
	roster      *roster
	gauges      *gauges

	mu    sync.Mutex
	lines map[string]*line // to members, by id
}

// New makes a sidecar's key its certificate. Nothing is asked or listened to yet.
func New(o Options) (*Peers, error) {
	certificate, err := newCertificate(o.Key)
	if err != nil {
		return nil, err
	}
	return &Peers{options: o, certificate: certificate, roster: newRoster(o.Directory, o.Self, o.Logger),
		gauges: newGauges(), lines: map[string]*line{}}, nil
}

// Run keeps the directory fresh until ctx ends.
func (p *Peers) Run(ctx context.Context) error {
	p.roster.run(ctx)
	p.hangUp()
	return nil
}

// Members returns the other members that have told how they are reached, by id.
func (p *Peers) Members(ctx context.Context) ([]Member, error) {
	if err := p.roster.refresh(ctx); err != nil {
		return nil, err
	}
	return p.roster.list(), nil
}

// Bounds of what a peer may take.
const (
	handshakeTime  = 5 * time.Second
	requestTime    = 30 * time.Second
	idleTime       = time.Minute
	maxHeader      = 8 << 10
	maxStreams     = 16  // of one connection
	maxConnections = 512 // of all
	maxOfAddress   = 32  // connections from one address
	maxOfMember    = 4   // connections of one member
	maxAnswer      = 1 << 20
)

// errUnknown is all that a peer who is in no directory learns.
var errUnknown = errors.New("unknown member")
