package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// full reports whether the heavy form of a test is asked for.
func full() bool { return os.Getenv("EMRBCHAIN_TEST_FULL") != "" }

// killer kills parts of a running whole at random and starts them again.
type killer struct {
	t       *testing.T
	random  *rand.Rand
	server  *mariadbtest.Server
	chain   *sidecartest.Chain
	sidecar *sidecartest.Sidecar
	work    *workload
	kills   int
	phases  map[string]int
	// restarted, if any, is called after each kill of the server, before the
	// workload goes on.
	restarted func()
}

// TestNothingIsLostNothingTwice kills sidecar, tap, server and validators with
// SIGKILL under a random load. Afterwards the entries of origin stream are the
// source's own history, one to one, and the audit says intact.
func TestNothingIsLostNothingTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar, and kills them")
	}
	kills := 8
	if full() {
		kills = 30
	}
	seed := killSeed(t)
	server, source := mariadbSource(t, true)
	k := &killer{t: t, random: rand.New(rand.NewPCG(seed, 1)), server: server,
		chain: sidecartest.StartChain(t, 4), phases: make(map[string]int)}
	k.sidecar = sidecartest.NewSidecar(t, k.chain, source)
	start := k.sequence()
	k.midChunk()
	k.sidecar.Covered()
	k.work = startWorkload(t, server, 4, seed)
	for k.kills < kills {
		k.random1()
	}
	k.midTransaction()
	k.betweenSubmitAndReceipt()
	k.beforeAck()
	k.work.stop()
	k.settle()
	if report := k.sidecar.Audit(); report.Verdict != "intact" {
		t.Errorf("audit: %s, findings %+v, not covered %+v", report.Verdict, report.Findings, report.Covered.NotCovered)
	}
	changes := k.compareWithSource(start)
	k.hit("mid-chunk", "mid-transaction", "between submit and receipt", "after the batch before the ack")
	t.Logf("%d kills, phases %v; %d transactions, %d changes logged once, in order", k.kills, k.phases, k.work.done.Load(), changes)
}

// killSeed is what a kill test draws from: a seed of the moment, or the one
// that is asked for.
func killSeed(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("EMRBCHAIN_TEST_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d", seed)
	return seed
}

// compareWithSource stops the sidecar, demands that its log holds what the
// source logged after a sequence number, and returns how many changes that is.
func (k *killer) compareWithSource(start uint64) (changes int) {
	k.t.Helper()
	k.sidecar.Stop()
	want := readHistory(k.t, k.server, start)
	log := k.sidecar.OpenLog()
	got := streamed(k.t, log)
	if err := log.Close(); err != nil {
		k.t.Fatal(err)
	}
	compareHistories(k.t, want, got)
	return len(got)
}

// hit demands that at least one kill fell into each of the phases.
func (k *killer) hit(phases ...string) {
	k.t.Helper()
	for _, phase := range phases {
		if k.phases[phase] == 0 {
			k.t.Errorf("no kill hit the phase %q: %v", phase, k.phases)
		}
	}
}

// sequence is the number of the last transaction that the server logged.
func (k *killer) sequence() uint64 {
	pos := k.server.QueryString("SELECT @@GLOBAL.gtid_binlog_pos")
	n, err := strconv.ParseUint(pos[strings.LastIndexByte(pos, '-')+1:], 10, 64)
	if err != nil {
		k.t.Fatalf("gtid_binlog_pos %q: %v", pos, err)
	}
	return n
}

// random1 kills one part, chosen at random, after a random while.
func (k *killer) random1() {
	k.t.Helper()
	k.pause(300 * time.Millisecond)
	switch k.random.IntN(5) {
	case 0, 1:
		k.killSidecar("random")
	case 2:
		if k.sidecar.KillTap() {
			k.count("tap")
		}
	case 3:
		k.killServer("mariadbd")
	case 4:
		i := k.random.IntN(4)
		k.chain.Node(i).Kill()
		k.count("validator")
		k.pause(200 * time.Millisecond)
		k.chain.Start(i)
	}
}

// killServer kills the server and starts it again; the workload is held until
// it has.
func (k *killer) killServer(phase string) {
	k.t.Helper()
	k.server.Kill()
	k.work.gate.Lock()
	defer k.work.gate.Unlock()
	k.server.Restart()
	k.count(phase)
	if k.restarted != nil {
		k.restarted()
	}
}

// pause lets the whole run for a random while, up to most.
func (k *killer) pause(most time.Duration) {
	<-time.After(time.Duration(k.random.Int64N(int64(most))))
}

func (k *killer) count(what string) {
	k.kills++
	k.phases[what]++
	k.t.Logf("kill %d: %s", k.kills, what)
}

// killSidecar kills the sidecar, says in which phase it was by what its store
// holds, and starts it again.
func (k *killer) killSidecar(why string) (phases []string) {
	k.t.Helper()
	k.sidecar.Kill()
	phases = k.phase()
	for _, p := range phases {
		k.phases[p]++
	}
	k.kills++
	k.t.Logf("kill %d: sidecar (%s), phases %v", k.kills, why, phases)
	k.sidecar.Start()
	return phases
}

// phase reads from the store of a killed sidecar what it was doing.
func (k *killer) phase() (phases []string) {
	log := k.sidecar.OpenLog()
	defer func() { _ = log.Close() }() // only read
	inside, err := ingest.InTransaction(log)
	if err != nil {
		k.t.Fatal(err)
	}
	if inside {
		phases = append(phases, "mid-transaction")
	}
	tables, err := ingest.Tables(log)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, s := range tables {
		if !s.Baselined && len(s.After) > 0 {
			phases = append(phases, "mid-chunk")
			break
		}
	}
	if pending, err := log.Get("anchor/pending"); err != nil {
		k.t.Fatal(err)
	} else if pending != nil {
		phases = append(phases, "between submit and receipt")
	}
	return phases
}

// until kills the sidecar again and again, at moments that ready chooses,
// until a kill hits the phase.
func (k *killer) until(phase string, ready func()) {
	k.t.Helper()
	for range 40 {
		if k.phases[phase] > 0 {
			return
		}
		ready()
		k.killSidecar(phase)
	}
}

// midChunk kills the sidecar during its first snapshots, made of many chunks.
func (k *killer) midChunk() {
	k.t.Helper()
	k.sidecar.ChunkRows = 2
	k.sidecar.Start()
	k.until("mid-chunk", func() {
		client := k.sidecar.Control()
		sidecartest.Eventually(k.t, time.Minute, func(ctx context.Context) error {
			status, err := client.Status(ctx)
			if err == nil && status.Source.State != "snapshot" {
				err = errors.New("no table is being taken in")
			}
			return err
		})
	})
	k.sidecar.ChunkRows = 0 // from its next start on
}

// midTransaction kills it while a transaction larger than a batch is logged.
func (k *killer) midTransaction() {
	k.until("mid-transaction", func() {
		k.sidecar.Covered()
		from := k.work.next.Add(30_000) - 30_000
		var b strings.Builder
		for i := range 30_000 {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "(%d,'bulk',NULL,NULL)", from+1+int64(i))
		}
		k.server.Exec("INSERT INTO emr.patients VALUES " + b.String())
		k.pause(500 * time.Millisecond)
	})
}

func (k *killer) betweenSubmitAndReceipt() {
	k.until("between submit and receipt", func() {
		k.sidecar.Covered()
		k.pause(2 * time.Second)
	})
}

// settle waits until the log has taken in the last transaction of a database
// at rest, and is anchored.
func (k *killer) settle() {
	k.t.Helper()
	k.sidecar.Covered()
	k.server.Exec("INSERT INTO emr.patients VALUES (999999999, 'last', NULL, NULL)")
	k.sidecar.Recorded("emr.patients", "999999999", 1)
	k.sidecar.Anchored()
}
