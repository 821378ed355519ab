package client_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	cmtbytes "github.com/cometbft/cometbft/libs/bytes"
	"github.com/cometbft/cometbft/p2p"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	"github.com/cometbft/cometbft/types"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/rules"
)

// The client against real nodes is tested in chain/node. Here are the ways in
// which no real node behaves on demand.

func TestDeadlineIsHonouredByANodeThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := client.Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = c.Status(ctx)
	if !errors.Is(err, client.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("node that hangs: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the deadline of 100 ms took %s", took)
	}
	canceled, cancelNow := context.WithCancel(t.Context())
	cancelNow()
	if _, err := c.Status(canceled); !errors.Is(err, context.Canceled) || client.Retry(err) {
		t.Errorf("given up: %v", err)
	}
}

func TestWhatANodeAnswersInTroubleIsTyped(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want error
	}{
		"full pool":    {"mempool is full: number of txs 5000", client.ErrBusy},
		"pruned":       {"height 3 is not available, lowest height is 9", client.ErrNotKept},
		"being closed": {"leveldb: closed", client.ErrUnreachable},
	} {
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":0,"error":{"code":-32603,"message":"Internal error","data":"` + c.data + `"}}`))
		}))
		dialed, err := client.Dial(strings.TrimPrefix(h.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dialed.Status(t.Context()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		h.Close()
	}
}

func TestAddressThatCannotBe(t *testing.T) {
	for _, address := range []string{"", "localhost", "http://127.0.0.1:26657"} {
		if _, err := client.Dial(address); err == nil || !strings.Contains(err.Error(), "host:port") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// history is a double of a node whose validators change. The rules have no
// transaction that changes them yet, so no real chain has such a history.
type history struct {
	client.RPC
	sets []uint64 // the validators of height i+1
}

func (h history) Status(context.Context) (*ctypes.ResultStatus, error) {
	return &ctypes.ResultStatus{NodeInfo: p2p.DefaultNodeInfo{Network: "test-chain"}}, nil
}

func (h history) Commit(_ context.Context, height *int64) (*ctypes.ResultCommit, error) {
	header := &types.Header{Height: *height, ValidatorsHash: binary.BigEndian.AppendUint64(nil, h.sets[*height-1])}
	return &ctypes.ResultCommit{SignedHeader: types.SignedHeader{Header: header, Commit: &types.Commit{}}}, nil
}

// TestValidatorChangesLeadFromOneHeightToTheOther: between the heights found,
// the set at each one's end is the set at the next one's beginning.
func TestValidatorChangesLeadFromOneHeightToTheOther(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sets := rapid.SliceOfN(rapid.Uint64Range(1, 3), 2, 60).Draw(rt, "sets")
		from := rapid.Int64Range(1, int64(len(sets))).Draw(rt, "from")
		to := rapid.Int64Range(from, int64(len(sets))).Draw(rt, "to")
		changes, err := client.New(history{sets: sets}).ValidatorChanges(t.Context(), from, to)
		if err != nil || !slices.IsSorted(changes) {
			rt.Fatalf("changes %v, %v", changes, err)
		}
		trusted := sets[from-1]
		for _, h := range changes {
			if h < from || h >= to || sets[h-1] != trusted || sets[h] == trusted {
				rt.Fatalf("changes %v from %d to %d: no link at %d", changes, from, to, h)
			}
			trusted = sets[h]
		}
		if trusted != sets[to-1] {
			rt.Fatalf("changes %v end at set %d, height %d has %d", changes, trusted, to, sets[to-1])
		}
	})
}

// powers is a double of a node with validators of some powers.
type powers struct {
	client.RPC
	powers []int64
}

func (p powers) Status(context.Context) (*ctypes.ResultStatus, error) {
	return &ctypes.ResultStatus{NodeInfo: p2p.DefaultNodeInfo{Network: "test-chain"}}, nil
}

func (p powers) Validators(context.Context, *int64, *int, *int) (*ctypes.ResultValidators, error) {
	r := &ctypes.ResultValidators{Total: len(p.powers)}
	for _, power := range p.powers {
		v, _ := types.RandValidator(false, power)
		v.VotingPower = power
		r.Validators = append(r.Validators, v)
	}
	return r, nil
}

func TestHowManyValidatorsMayFail(t *testing.T) {
	for _, c := range []struct {
		powers []int64
		want   int
	}{
		{[]int64{1}, 0}, {[]int64{1, 1, 1}, 0}, {[]int64{1, 1, 1, 1}, 1}, {[]int64{1, 1, 1, 1, 1, 1}, 1},
		{[]int64{1, 1, 1, 1, 1, 1, 1}, 2}, {[]int64{10, 1, 1, 1}, 0}, {[]int64{1, 2, 1, 2, 1, 1}, 1},
	} {
		s, err := client.New(powers{powers: c.powers}).Status(t.Context())
		if err != nil || s.Tolerates != c.want {
			t.Errorf("powers %v: tolerates %d, want %d (%v)", c.powers, s.Tolerates, c.want, err)
		}
	}
}

// moody is a double of a node that takes a transaction and forgets it, as one
// does that is killed before it has told its peers.
type moody struct {
	client.RPC
	given int
}

func (m *moody) Status(context.Context) (*ctypes.ResultStatus, error) {
	return &ctypes.ResultStatus{NodeInfo: p2p.DefaultNodeInfo{Network: "test-chain"}}, nil
}

func (m *moody) ABCIQueryWithOptions(_ context.Context, _ string, _ cmtbytes.HexBytes, _ rpcclient.ABCIQueryOptions) (*ctypes.ResultABCIQuery, error) {
	r := &ctypes.ResultABCIQuery{}
	if m.given == 2 {
		r.Response.Value = rules.Log{ID: strings.Repeat("0a", 16), Member: "alder", Key: "key"}.Append(nil)
	}
	return r, nil
}

func (m *moody) BroadcastTxSync(context.Context, types.Tx) (*ctypes.ResultBroadcastTx, error) {
	m.given++
	return &ctypes.ResultBroadcastTx{}, nil
}

func TestForgottenTransactionIsGivenAgain(t *testing.T) {
	m, ctx := new(moody), within(t)
	signer := rules.MemberSigner(make([]byte, 64))
	if _, err := client.New(m).RegisterLog(ctx, "alder", signer, strings.Repeat("0a", 16), "key"); err != nil || m.given != 2 {
		t.Errorf("given %d times: %v", m.given, err)
	}
}

// full is a double of a node that has of a member as much as a block may have.
type full struct{ moody }

func (*full) BroadcastTxSync(context.Context, types.Tx) (*ctypes.ResultBroadcastTx, error) {
	return &ctypes.ResultBroadcastTx{Code: uint32(rules.CodeQuota), Codespace: rules.Codespace}, nil
}

func TestUsedUpQuotaPasses(t *testing.T) {
	signer := rules.MemberSigner(make([]byte, 64))
	_, err := client.New(new(full)).RegisterLog(within(t), "alder", signer, strings.Repeat("0a", 16), "key")
	if !errors.Is(err, rules.ErrQuota) || !client.Retry(err) {
		t.Errorf("quota: %v", err)
	}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
