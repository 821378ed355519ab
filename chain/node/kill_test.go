package node_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/node"
)

// homeVariable makes the test binary a node of its own.
const homeVariable = "EMRBCHAIN_TEST_NODE_HOME"

func TestMain(m *testing.M) {
	if home := os.Getenv(homeVariable); home != "" {
		os.Exit(runNode(home))
	}
	os.Exit(m.Run())
}

func runNode(home string) int {
	n, err := node.Start(home, node.Options{Logger: zerolog.New(os.Stderr).Level(zerolog.ErrorLevel)})
	if err == nil {
		err = n.Wait()
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// processes are the nodes of a chain, each a process of its own.
type processes struct {
	t       *testing.T
	homes   []string
	clients []*client.Client
	running []*exec.Cmd
}

func newProcesses(t *testing.T, n int) *processes {
	t.Helper()
	homes, err := node.Testnet(t.TempDir(), n, genesis())
	if err != nil {
		t.Fatal(err)
	}
	p := &processes{t: t, homes: homes, running: make([]*exec.Cmd, n), clients: make([]*client.Client, n)}
	for i, home := range homes {
		c, err := node.ReadConfig(home)
		if err != nil {
			t.Fatal(err)
		}
		if p.clients[i], err = client.Dial(c.RPC); err != nil {
			t.Fatal(err)
		}
		p.start(i)
	}
	t.Cleanup(func() {
		for i := range p.running {
			p.kill(i)
		}
	})
	return p
}

func (p *processes) start(i int) {
	p.t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), homeVariable+"="+p.homes[i])
	out, err := os.OpenFile(p.homes[i]+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer out.Close()
	c.Stderr = out
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.running[i] = c
}

// kill ends a node with SIGKILL.
func (p *processes) kill(i int) {
	c := p.running[i]
	if c == nil {
		return
	}
	p.running[i] = nil
	if err := c.Process.Signal(syscall.SIGKILL); err != nil {
		p.t.Errorf("kill node %d: it ended before: %v\n%s", i, err, p.said(i))
	}
	_ = c.Wait() // says that it was killed
	if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		p.t.Errorf("node %d ended by itself: %v\n%s", i, c.ProcessState, p.said(i))
	}
}

func (p *processes) said(i int) string {
	b, err := os.ReadFile(p.homes[i] + ".log")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// TestNothingIsLostWhenNodesAreKilled kills one node after the other, now and
// then two at once, while logs anchor through random nodes.
func TestNothingIsLostWhenNodesAreKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for a minute")
	}
	const kills, anchorsBetween = 20, 4
	p := newProcesses(t, 4)
	logs := []*recordLog{newLog(t), newLog(t), newLog(t)}
	for _, l := range logs {
		l.register(t, p.clients[0])
	}
	var anchored atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for _, l := range logs {
		wg.Go(func() { p.keepAnchoring(l, &anchored, stop) })
	}
	for k := range kills {
		victims := []int{rand.IntN(4)}
		if k%5 == 4 {
			victims = append(victims, (victims[0]+1)%4)
		}
		p.awaitAnchors(&anchored, anchorsBetween)
		for _, i := range victims {
			p.kill(i)
		}
		if len(victims) == 1 {
			p.awaitAnchors(&anchored, anchorsBetween)
		}
		for _, i := range victims {
			p.start(i)
		}
	}
	p.awaitAnchors(&anchored, anchorsBetween)
	close(stop)
	wg.Wait()
	p.awaitAll()
	compareChains(t, p.clients)
	compareAnchors(t, p.clients, logs)
	t.Logf("%d anchors, %d kills", anchored.Load(), kills)
}

func (p *processes) keepAnchoring(l *recordLog, anchored *atomic.Int64, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
			l.grow(p.t, 3)
			l.catchUp(p.t, func() *client.Client { return p.clients[rand.IntN(len(p.clients))] })
			anchored.Add(1)
		}
	}
}

func (p *processes) awaitAnchors(anchored *atomic.Int64, n int64) {
	p.t.Helper()
	goal := anchored.Load() + n
	p.await("anchors", func() bool { return anchored.Load() >= goal })
}

// awaitAll waits until every node answers and has caught up with the others.
func (p *processes) awaitAll() {
	p.t.Helper()
	for i, c := range p.clients {
		p.await(fmt.Sprintf("node %d", i), func() bool {
			s, err := c.Status(p.t.Context())
			return err == nil && !s.CatchingUp
		})
	}
}

func (p *processes) await(what string, done func() bool) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := within(p.t, 90*time.Second)
	for !done() {
		select {
		case <-limit.Done():
			p.t.Fatalf("%s: %v", what, limit.Err())
		case <-tick.C:
		}
	}
}
