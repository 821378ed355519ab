package peers

import (
	"net"
	"sync"
	"time"
)

// A bucket lets so many requests through a second, on average.
type bucket struct {
	tokens float64
	filled time.Time
}

func (b *bucket) take(s *Service, now time.Time) bool {
	if b.filled.IsZero() {
		b.tokens = float64(s.Burst)
	} else if passed := now.Sub(b.filled); passed > 0 {
		b.tokens = min(float64(s.Burst), b.tokens+passed.Seconds()*s.PerSecond)
	}
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// use is what one member takes of one service.
type use struct {
	bucket bucket
	inWork int
}

// gauges tell what each member takes. There are as many as the chain has members.
type gauges struct {
	mu          sync.Mutex
	uses        map[[2]string]*use // by member and service
	connections map[string]int     // by member
}

func newGauges() *gauges {
	return &gauges{uses: map[[2]string]*use{}, connections: map[string]int{}}
}

// enter begins a request, or says that the member is at its limit.
func (g *gauges) enter(member, service string, s *Service) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	name := [2]string{member, service}
	u := g.uses[name]
	if u == nil {
		u = new(use)
		g.uses[name] = u
	}
	if u.inWork >= s.AtOnce || !u.bucket.take(s, time.Now()) {
		return false
	}
	u.inWork++
	return true
}

func (g *gauges) leave(member, service string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.uses[[2]string{member, service}].inWork--
}

// connect counts a connection of a member in, or says that it has enough.
func (g *gauges) connect(member string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.connections[member] >= maxOfMember {
		return false
	}
	g.connections[member]++
	return true
}

func (g *gauges) disconnect(member string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.connections[member]--; g.connections[member] <= 0 {
		delete(g.connections, member)
	}
}

// listener bounds how many connections there are, and how many from one address,
// known or not.
type listener struct {
	net.Listener
	gauges *gauges

	mu   sync.Mutex
	all  int
	from map[string]int
}

func newListener(l net.Listener, g *gauges) *listener {
	return &listener{Listener: l, gauges: g, from: map[string]int{}}
}

// Accept returns the next connection that is within bounds; others are closed.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := hostOf(c.RemoteAddr())
		if l.enter(address) {
			return &connection{Conn: c, listener: l, address: address}, nil
		}
		_ = c.Close() // it is not answered
	}
}

func (l *listener) enter(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= maxConnections || l.from[address] >= maxOfAddress {
		return false
	}
	l.all++
	l.from[address]++
	return true
}

func (l *listener) leave(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.from[address]--; l.from[address] <= 0 {
		delete(l.from, address)
	}
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// connection counts itself out when it is closed.
type connection struct {
	net.Conn
	listener *listener
	address  string

	mu     sync.Mutex
	member string
	closed bool
}

// admit counts the connection as a member's.
func (c *connection) admit(member string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.member != "" || !c.listener.gauges.connect(member) {
		return errUnknown
	}
	c.member = member
	return nil
}

// Close closes the connection.
func (c *connection) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.listener.leave(c.address)
		if c.member != "" {
			c.listener.gauges.disconnect(c.member)
		}
	}
	return c.Conn.Close()
}
