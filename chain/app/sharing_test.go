package app_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/emrbchain/emrbchain/chain/app"
	"github.com/emrbchain/emrbchain/chain/rules"
)

func grantID(n int) (id rules.GrantID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// act returns an act of a member about grant number n.
func act(t testing.TB, member string, n int, a rules.Act) []byte {
	t.Helper()
	seed := byte(1)
	if member == "birch" {
		seed = 2
	}
	tx, err := rules.SharingTx{Chain: chainID, Grant: grantID(n), Member: member, Act: a}.Sign(rules.MemberSigner(memberKey(seed)))
	if err != nil {
		t.Fatal(err)
	}
	return tx.Append(nil)
}

func ask(t testing.TB, member, custodian string, n int) []byte {
	t.Helper()
	return act(t, member, n, rules.Request{Custodian: custodian, Purpose: rules.PurposeTreatment})
}

// prepare returns the transactions that a proposer takes of those in its pool.
func (d *driver) prepare(txs ...[]byte) [][]byte {
	d.t.Helper()
	r, err := d.PrepareProposal(context.Background(), &abci.RequestPrepareProposal{Height: d.height + 1, Time: timeOf(d.height + 1), MaxTxBytes: 1 << 20, Txs: txs})
	if err != nil {
		d.t.Fatal(err)
	}
	return r.Txs
}

func (d *driver) process(txs ...[]byte) bool {
	d.t.Helper()
	r, err := d.ProcessProposal(context.Background(), &abci.RequestProcessProposal{Height: d.height + 1, Time: timeOf(d.height + 1), Txs: txs})
	if err != nil {
		d.t.Fatal(err)
	}
	return r.IsAccepted()
}

func contains(txs [][]byte, tx []byte) bool {
	return slices.ContainsFunc(txs, func(x []byte) bool { return bytes.Equal(x, tx) })
}

// TestFloodOfOneMemberKeepsNobodyOut: alder makes as many good registrations and
// acts as it likes. Neither the pool nor a block takes more of them than the
// quota, and birch's go in, though they come last.
func TestFloodOfOneMemberKeepsNobodyOut(t *testing.T) {
	d := newDriver(t)
	d.block()
	var flood [][]byte
	for n := range 400 {
		flood = append(flood, register(t, n), ask(t, "alder", "birch", 1000+n))
	}
	pooled := 0
	for _, tx := range flood {
		switch code := d.check(tx); code {
		case rules.CodeOK:
			pooled++
		case rules.CodeQuota:
		default:
			t.Fatalf("flood: code %d", code)
		}
	}
	if most := rules.MaxLogTxs + rules.MaxSharingTxs; pooled != most {
		t.Errorf("the pool holds %d of one member, want %d", pooled, most)
	}
	others := [][]byte{ask(t, "birch", "alder", 1), registerBy(t, "birch", 5000)}
	for i, tx := range others {
		if code := d.check(tx); code != rules.CodeOK {
			t.Errorf("birch's transaction %d is refused with code %d", i, code)
		}
	}
	kept := d.prepare(append(flood, others...)...)
	if !contains(kept, others[0]) || !contains(kept, others[1]) {
		t.Error("birch's transactions are not in the block")
	}
	// 16 requests wait at most, so the block has fewer acts than the quota.
	if most := rules.MaxLogTxs + rules.MaxOpenRequests + len(others); len(kept) != most {
		t.Errorf("the block has %d transactions, want %d", len(kept), most)
	}
	if !d.process(kept...) {
		t.Error("an honest block is refused")
	}
	greedy := flood[0 : 2*rules.MaxLogTxs+1 : 2*rules.MaxLogTxs+1] // one registration too many, and some requests
	greedy = slices.DeleteFunc(slices.Clone(greedy), func(tx []byte) bool { p, _ := rules.Parse(tx); _, is := p.(rules.SharingTx); return is })
	if d.process(greedy...) || !d.process(greedy[1:]...) {
		t.Errorf("a block of %d registrations of one member is accepted, or one of %d is not", len(greedy), len(greedy)-1)
	}
	if r := d.block(greedy...); r.TxResults[rules.MaxLogTxs].Code != uint32(rules.CodeQuota) {
		t.Errorf("one too many: %+v", r.TxResults[rules.MaxLogTxs])
	}
	// A new block, a new quota.
	if code := d.check(flood[2*rules.MaxLogTxs+2]); code != rules.CodeOK {
		t.Errorf("after the block: code %d", code)
	}
}

// TestRepeatsFillNoPool: a repeat of a held head needs nobody's key.
func TestRepeatsFillNoPool(t *testing.T) {
	d := newDriver(t)
	d.block(register(t, 1))
	l := anchorOf(t, 1)
	for n := range 100 {
		want := rules.CodeOK
		if n >= rules.MaxRepeats {
			want = rules.CodeQuota
		}
		if code := d.check(l(uint64(n))); code != want {
			t.Fatalf("repeat %d: code %d, want %d", n, code, want)
		}
	}
	if code := d.check(register(t, 2)); code != rules.CodeOK {
		t.Errorf("the log's member is kept out with code %d", code)
	}
}

// TestExpiryIsByTheBlocksTime: what a block says counts, not the machine's clock.
func TestExpiryIsByTheBlocksTime(t *testing.T) {
	d := newDriver(t)
	d.block(ask(t, "alder", "birch", 1))
	d.block(act(t, "birch", 1, rules.Terms{NotAfter: timeOf(4).UnixMilli(), MaxUses: 9}))
	use := func(n uint32) []byte { return act(t, "birch", 1, rules.Disclosing{Number: n}) }
	// The machine's clock is years ahead of these blocks.
	if code := d.check(use(1)); code != rules.CodeExpired {
		t.Errorf("the pool takes what is expired by this machine's clock: code %d", code)
	}
	d.block()
	if kept := d.prepare(use(1)); len(kept) != 1 || !d.process(use(1)) {
		t.Error("in time, and yet refused")
	}
	if r := d.block(use(1)); !r.TxResults[0].IsOK() {
		t.Errorf("in time, and yet refused: %+v", r.TxResults[0])
	}
	if kept := d.prepare(use(2)); len(kept) != 0 || d.process(use(2)) {
		t.Error("a block takes a disclosure after the end")
	}
	if r := d.block(use(2)); r.TxResults[0].Code != uint32(rules.CodeExpired) {
		t.Errorf("after the end: %+v", r.TxResults[0])
	}
}

func TestGrantsComeInPages(t *testing.T) {
	d := newDriver(t)
	total := 0
	for total < 2*app.GrantsPage+50 {
		var txs [][]byte
		for range rules.MaxOpenRequests / 2 {
			txs = append(txs, ask(t, "alder", "birch", total), act(t, "alder", total, rules.Revocation{}))
			total++
		}
		for i, r := range d.block(txs...).TxResults {
			if !r.IsOK() {
				t.Fatalf("transaction %d: %+v", i, r)
			}
		}
	}
	for _, party := range []string{"alder", "birch"} {
		var at []byte
		seen := 0
		for page := 0; ; page++ {
			r := d.query(&abci.RequestQuery{Path: app.PathGrants + party, Data: at})
			all, err := rules.ParseGrants(r.Value)
			if err != nil || len(all) > app.GrantsPage {
				t.Fatalf("page %d of %d grants, %v, %+v", page, len(all), err, r)
			}
			for _, g := range all {
				if g.ID != grantID(seen) {
					t.Fatalf("grant %d is %s", seen, g.ID)
				}
				seen++
			}
			if len(all) < app.GrantsPage {
				break
			}
			at = all[len(all)-1].Position().Bytes()
		}
		if seen != total {
			t.Errorf("%s finds %d of %d grants", party, seen, total)
		}
	}
	for _, path := range []string{"", "cedar", "alde"} {
		if r := d.query(&abci.RequestQuery{Path: app.PathGrants + path}); path != "" && !bytes.Equal(r.Value, []byte{0x80}) || path == "" && r.Code != app.QueryFailed {
			t.Errorf("grants of %q: %+v", path, r)
		}
	}
	if r := d.query(&abci.RequestQuery{Path: app.PathGrants + "alder", Data: []byte("short")}); r.Code != app.QueryFailed {
		t.Errorf("no position: %+v", r)
	}
}
