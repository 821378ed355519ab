package app_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	ics23 "github.com/cosmos/ics23/go"
	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/chain/app"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

const chainID = "test-chain"

// memberKey is a test key.
func memberKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// driver plays CometBFT's part.
type driver struct {
	*app.App
	t      testing.TB
	dir    string
	height int64
	hash   []byte
}

func newDriver(t testing.TB) *driver {
	t.Helper()
	d := &driver{t: t, dir: t.TempDir()}
	d.open()
	state, err := rules.Genesis{Members: []rules.Member{
		{ID: "alder", Name: "Alder", Key: memberKey(1).Public().(ed25519.PublicKey)},
		{ID: "birch", Name: "Birch", Key: memberKey(2).Public().(ed25519.PublicKey)},
	}}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.InitChain(context.Background(), &abci.RequestInitChain{ChainId: chainID, InitialHeight: 1, AppStateBytes: state})
	if err != nil {
		t.Fatal(err)
	}
	d.hash = r.AppHash
	return d
}

func (d *driver) open() {
	d.t.Helper()
	a, err := app.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	d.App = a
	d.t.Cleanup(func() {
		if err := a.Close(); err != nil {
			d.t.Errorf("close: %v", err)
		}
	})
}

func (d *driver) reopen() {
	d.t.Helper()
	if err := d.Close(); err != nil {
		d.t.Fatal(err)
	}
	d.open()
}

// finalize carries a block out without committing it.
func (d *driver) finalize(txs ...[]byte) *abci.ResponseFinalizeBlock {
	d.t.Helper()
	r, err := d.FinalizeBlock(context.Background(), &abci.RequestFinalizeBlock{Height: d.height + 1, Time: timeOf(d.height + 1), Txs: txs})
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// block carries a block out and commits it.
func (d *driver) block(txs ...[]byte) *abci.ResponseFinalizeBlock {
	d.t.Helper()
	r := d.finalize(txs...)
	if _, err := d.Commit(context.Background(), &abci.RequestCommit{}); err != nil {
		d.t.Fatal(err)
	}
	d.height, d.hash = d.height+1, r.AppHash
	return r
}

func timeOf(height int64) time.Time { return time.UnixMilli(1_700_000_000_000 + height) }

func (d *driver) query(r *abci.RequestQuery) *abci.ResponseQuery {
	d.t.Helper()
	got, err := d.Query(context.Background(), r)
	if err != nil {
		d.t.Fatal(err)
	}
	return got
}

func (d *driver) check(tx []byte) rules.Code {
	d.t.Helper()
	r, err := d.CheckTx(context.Background(), &abci.RequestCheckTx{Tx: tx})
	if err != nil {
		d.t.Fatal(err)
	}
	return rules.Code(r.Code)
}

// register returns the registration of log number n by alder.
func register(t testing.TB, n int) []byte { return registerBy(t, "alder", n) }

func registerBy(t testing.TB, member string, n int) []byte {
	t.Helper()
	id := fmt.Sprintf("%032x", n)
	_, vkey := logKey(t, n)
	seed := byte(1)
	if member == "birch" {
		seed = 2
	}
	tx, err := rules.RegisterTx{Chain: chainID, Log: id, Key: vkey, Member: member}.Sign(rules.MemberSigner(memberKey(seed)))
	if err != nil {
		t.Fatal(err)
	}
	return tx.Append(nil)
}

// logKey returns the key of log number n.
func logKey(t testing.TB, n int) (skey, vkey string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(strings.NewReader(strings.Repeat(fmt.Sprintf("%08d", n), 8)), merkle.Origin(chainID, fmt.Sprintf("%032x", n), 0))
	if err != nil {
		t.Fatal(err)
	}
	return skey, vkey
}

// anchorOf returns what makes repeats of the empty head of log number n, which
// differ in what no signature covers.
func anchorOf(t testing.TB, n int) func(oldSize uint64) []byte {
	t.Helper()
	skey, _ := logKey(t, n)
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	root, err := merkle.Root(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := merkle.Checkpoint{Origin: merkle.Origin(chainID, fmt.Sprintf("%032x", n), 0), Root: root}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	return func(oldSize uint64) []byte {
		return rules.AnchorTx{Chain: chainID, Note: signed, OldSize: oldSize}.Append(nil)
	}
}

func TestSameBlocksSameRoot(t *testing.T) {
	one, two := newDriver(t), newDriver(t)
	if !bytes.Equal(one.hash, two.hash) {
		t.Fatalf("genesis: roots %x and %x", one.hash, two.hash)
	}
	for h := range 20 {
		var txs [][]byte
		for n := range h % 4 {
			txs = append(txs, register(t, h*10+n))
		}
		one.block(txs...)
		// The second one crashes between FinalizeBlock and Commit.
		if h > 0 {
			two.finalize(txs...)
			two.reopen()
		}
		two.block(txs...)
		if !bytes.Equal(one.hash, two.hash) {
			t.Fatalf("block %d: roots %x and %x", h+1, one.hash, two.hash)
		}
	}
}

func TestStateIsDurableAtCommit(t *testing.T) {
	d := newDriver(t)
	d.block(register(t, 1))
	d.finalize(register(t, 2))
	d.reopen()
	info, err := d.Info(context.Background(), &abci.RequestInfo{})
	if err != nil || info.LastBlockHeight != 1 || !bytes.Equal(info.LastBlockAppHash, d.hash) || info.AppVersion != app.Version {
		t.Errorf("after a restart: %+v, %v, want root %x", info, err, d.hash)
	}
	if d.check(register(t, 1)) != rules.CodeLogExists || d.check(register(t, 2)) != rules.CodeOK {
		t.Error("the state after a restart is not the committed one")
	}
}

func TestProposalsHoldAcceptedTransactionsOnly(t *testing.T) {
	d := newDriver(t)
	d.block(register(t, 1))
	good, twice, known := register(t, 2), register(t, 2), register(t, 1)
	r, err := d.PrepareProposal(context.Background(), &abci.RequestPrepareProposal{Height: 2, MaxTxBytes: 1 << 20,
		Txs: [][]byte{[]byte("junk"), known, good, twice, register(t, 3)}})
	if err != nil || len(r.Txs) != 2 || !bytes.Equal(r.Txs[0], good) || !bytes.Equal(r.Txs[1], register(t, 3)) {
		t.Errorf("proposal of %d transactions, %v", len(r.Txs), err)
	}
	for name, c := range map[string]struct {
		txs  [][]byte
		want abci.ResponseProcessProposal_ProposalStatus
	}{
		"good":  {r.Txs, abci.ResponseProcessProposal_ACCEPT},
		"empty": {nil, abci.ResponseProcessProposal_ACCEPT},
		"junk":  {[][]byte{good, []byte("junk")}, abci.ResponseProcessProposal_REJECT},
		"twice": {[][]byte{good, twice}, abci.ResponseProcessProposal_REJECT},
		"known": {[][]byte{known}, abci.ResponseProcessProposal_REJECT},
	} {
		got, err := d.ProcessProposal(context.Background(), &abci.RequestProcessProposal{Height: 2, Txs: c.txs})
		if err != nil || got.Status != c.want {
			t.Errorf("%s: %v, %v", name, got.Status, err)
		}
	}
	if d.check(good) != rules.CodeOK {
		t.Error("a proposal changed the state")
	}
}

func TestRefusedTransactionInABlockChangesNothing(t *testing.T) {
	d := newDriver(t)
	d.block(register(t, 1))
	before := d.hash
	r := d.block(register(t, 1), []byte("junk"))
	if r.TxResults[0].Code != uint32(rules.CodeLogExists) || r.TxResults[1].Code != uint32(rules.CodeMalformed) || r.TxResults[0].Codespace != rules.Codespace {
		t.Errorf("results %+v", r.TxResults)
	}
	if !bytes.Equal(before, d.hash) {
		t.Error("the root changed")
	}
}

func TestEveryVersionProvesPresenceAndAbsence(t *testing.T) {
	d := newDriver(t)
	roots := map[int64][]byte{}
	for h := int64(1); h <= 12; h++ {
		d.block(register(t, int(h)))
		roots[h] = d.hash
	}
	d.reopen()
	key := rules.AnchorKey(fmt.Sprintf("%032x", 7), 0, 0) // written by block 7
	for h := int64(1); h <= 12; h++ {
		r := d.query(&abci.RequestQuery{Path: app.PathState, Data: key, Height: h, Prove: true})
		if r.Code != app.QueryOK || r.Height != h || len(r.ProofOps.Ops) != 1 || r.ProofOps.Ops[0].Type != app.ProofType {
			t.Fatalf("version %d: %+v", h, r)
		}
		var proof ics23.CommitmentProof
		if err := proof.Unmarshal(r.ProofOps.Ops[0].Data); err != nil {
			t.Fatal(err)
		}
		present := ics23.VerifyMembership(ics23.IavlSpec, roots[h], &proof, key, r.Value)
		absent := ics23.VerifyNonMembership(ics23.IavlSpec, roots[h], &proof, key)
		if present != (h >= 7) || absent != (h < 7) || present != (len(r.Value) > 0) {
			t.Errorf("version %d: present %v, absent %v, value %x", h, present, absent, r.Value)
		}
	}
}

func TestQueries(t *testing.T) {
	d := newDriver(t)
	if r := d.query(&abci.RequestQuery{Path: app.PathLogs}); r.Code != app.QueryNoBlock {
		t.Errorf("before the first block: %+v", r)
	}
	d.block(register(t, 2), register(t, 1))
	members, err := rules.ParseMembers(d.query(&abci.RequestQuery{Path: app.PathMembers}).Value)
	if err != nil || len(members) != 2 || members[0].ID != "alder" || members[1].ID != "birch" {
		t.Errorf("members %+v, %v", members, err)
	}
	logs, err := rules.ParseLogs(d.query(&abci.RequestQuery{Path: app.PathLogs}).Value)
	if err != nil || len(logs) != 2 || logs[0].ID >= logs[1].ID || logs[0].Head.Time != timeOf(1).UnixMilli() {
		t.Errorf("logs %+v, %v", logs, err)
	}
	one, err := rules.ParseLog(d.query(&abci.RequestQuery{Path: app.PathLog + logs[0].ID}).Value)
	if err != nil || one != logs[0] {
		t.Errorf("log %+v, %v", one, err)
	}
	if r := d.query(&abci.RequestQuery{Path: app.PathContacts}); !bytes.Equal(r.Value, []byte{0x80}) {
		t.Errorf("no contacts: %+v", r)
	}
	for name, c := range map[string]struct {
		request *abci.RequestQuery
		code    uint32
	}{
		"unknown path":      {&abci.RequestQuery{Path: "/nothing"}, app.QueryUnknownPath},
		"empty key":         {&abci.RequestQuery{Path: app.PathState}, app.QueryFailed},
		"future version":    {&abci.RequestQuery{Path: app.PathLogs, Height: 2}, app.QueryNoSuchVersion},
		"negative version":  {&abci.RequestQuery{Path: app.PathLogs, Height: -1}, app.QueryNoSuchVersion},
		"log not there":     {&abci.RequestQuery{Path: app.PathLog + "x"}, app.QueryOK},
		"absent, not asked": {&abci.RequestQuery{Path: app.PathState, Data: []byte("zz")}, app.QueryOK},
	} {
		if r := d.query(c.request); r.Code != c.code || len(r.Value) > 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestBadGenesisStartsNoChain(t *testing.T) {
	a, err := app.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for name, r := range map[string]*abci.RequestInitChain{
		"no members": {ChainId: chainID, AppStateBytes: []byte(`{"members":[]}`)},
		"no state":   {ChainId: chainID},
	} {
		if _, err := a.InitChain(context.Background(), r); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestBlockOutOfOrderStopsTheNode(t *testing.T) {
	d := newDriver(t)
	d.block()
	for _, h := range []int64{1, 3} {
		if _, err := d.FinalizeBlock(context.Background(), &abci.RequestFinalizeBlock{Height: h}); err == nil {
			t.Errorf("block %d after block 1 is carried out", h)
		}
	}
}

func TestClosedStateRefusesAndDoesNotFail(t *testing.T) {
	d := newDriver(t)
	d.block()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if code := d.check(register(t, 1)); code == rules.CodeOK {
		t.Error("a transaction is accepted after the end")
	}
	if r := d.query(&abci.RequestQuery{Path: app.PathLogs}); r.Code != app.QueryFailed {
		t.Errorf("query after the end: %+v", r)
	}
}

func TestStateIsOpenOnce(t *testing.T) {
	d := newDriver(t)
	if _, err := app.Open(d.dir); err == nil {
		t.Error("the state is open twice")
	}
}

// FuzzNoTransactionHaltsTheChain gives any bytes to every call that takes
// transactions. An error would stop every node of the chain.
func FuzzNoTransactionHaltsTheChain(f *testing.F) {
	d := newDriver(f)
	d.block(register(f, 1))
	f.Add([]byte(nil))
	f.Add(register(f, 1))
	f.Add(register(f, 2))
	f.Add(rules.AnchorTx{Chain: chainID, Note: []byte("emrbchain/test-chain/00000000000000000000000000000001/0\n0\n\n")}.Append(nil))
	f.Add(act(f, "alder", 1, rules.Request{Custodian: "birch", Purpose: rules.PurposeTreatment}))
	f.Add(act(f, "birch", 1, rules.Terms{NotAfter: 1 << 60, MaxUses: 1}))
	f.Add(rules.HeartbeatTx{Chain: chainID, Log: fmt.Sprintf("%032x", 1), Height: 1}.Append(nil))
	f.Fuzz(func(t *testing.T, tx []byte) {
		ctx, h := context.Background(), d.height+1
		checked, err := d.CheckTx(ctx, &abci.RequestCheckTx{Tx: tx})
		if err != nil {
			t.Fatal(err)
		}
		prepared, err := d.PrepareProposal(ctx, &abci.RequestPrepareProposal{Height: h, Txs: [][]byte{tx}})
		if err != nil {
			t.Fatal(err)
		}
		processed, err := d.ProcessProposal(ctx, &abci.RequestProcessProposal{Height: h, Txs: [][]byte{tx}})
		if err != nil {
			t.Fatal(err)
		}
		if checked.Code == uint32(rules.CodeQuota) {
			return // the pool counts, from block to block
		}
		accepted := checked.IsOK()
		if accepted != (len(prepared.Txs) == 1) || accepted != processed.IsAccepted() {
			t.Fatalf("checked %v, prepared %d, processed %v", checked, len(prepared.Txs), processed.Status)
		}
		if len(tx) < 100 { // a block is costly
			d.t = t
			if r := d.block(tx); r.TxResults[0].IsOK() != accepted {
				t.Fatalf("checked %v, carried out %v", checked, r.TxResults[0])
			}
		}
	})
}
