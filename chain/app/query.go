package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtcrypto "github.com/cometbft/cometbft/proto/tendermint/crypto"
	"github.com/cosmos/iavl"

	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// The paths of Query. Data is empty but for PathState.
const (
	// PathState answers with the value under the key in Data, absent if there is
	// none, at the version in Height (0 for the newest). If Prove is set, the
	// only proof operation is the ICS-23 proof of presence or absence.
	PathState = "/state/key"
	// PathLog and a log's id answer with the log's record, absent if there is none.
	PathLog = "/log/"
	// PathLogs answers with a canonical array of all log records, by id.
	PathLogs = "/logs"
	// PathMembers answers with a canonical array of all member records, by id.
	PathMembers = "/members"
	// PathContacts answers with a canonical array of all contacts, by member.
	PathContacts = "/contacts"
	// PathGrants and a member's id answer with a canonical array of the grants
	// that the member is party to, in the order of rules.GrantPosition: the first
	// GrantsPage of those after the position in Data (height BE64, id), or from
	// the first one if it is empty.
	PathGrants = "/grants/"
)

// ProofType is the type of the proof operation of PathState: its data is an
// ics23.CommitmentProof.
const ProofType = "ics23:iavl"

// QueryCodespace names the codes of Query's responses.
const QueryCodespace = "emrbchain/query"

// The codes of Query's responses.
const (
	QueryOK            = 0
	QueryUnknownPath   = 1
	QueryNoSuchVersion = 2 // not made yet, or not kept any more
	QueryFailed        = 3 // the state cannot be read
	QueryNoBlock       = 4 // the first block is not there yet
)

var (
	errNoSuchVersion = errors.New("state has no such version")
	errNoBlock       = errors.New("the chain has no block yet")
)

// Query reads the committed state. The response's Height is the version read.
func (a *App) Query(_ context.Context, r *abci.RequestQuery) (*abci.ResponseQuery, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	t, err := a.version(r.Height)
	if err != nil {
		return failed(err), nil
	}
	if party, ok := strings.CutPrefix(r.Path, PathGrants); ok {
		return grants(t, party, r.Data), nil
	}
	switch id, isLog := strings.CutPrefix(r.Path, PathLog); {
	case r.Path == PathState:
		return state(t, r.Data, r.Prove), nil
	case isLog:
		return state(t, rules.LogKey(id), false), nil
	case r.Path == PathLogs:
		return list(t, rules.LogsPrefix()), nil
	case r.Path == PathMembers:
		return list(t, rules.MembersPrefix()), nil
	case r.Path == PathContacts:
		return list(t, rules.ContactsPrefix()), nil
	}
	return &abci.ResponseQuery{Code: QueryUnknownPath, Codespace: QueryCodespace, Log: "unknown path"}, nil
}

func (a *App) version(height int64) (*iavl.ImmutableTree, error) {
	if a.closed {
		return nil, errors.New("the node is stopping")
	}
	newest := a.committed.Version()
	if newest == 0 {
		return nil, errNoBlock
	}
	if height < 0 || height > newest {
		return nil, fmt.Errorf("%w: %d, the newest is %d", errNoSuchVersion, height, newest)
	}
	if height == 0 || height == newest {
		return a.committed, nil
	}
	t, err := a.tree.GetImmutable(height)
	if errors.Is(err, iavl.ErrVersionDoesNotExist) {
		return nil, fmt.Errorf("%w: %d is not kept", errNoSuchVersion, height)
	}
	return t, err
}

func failed(err error) *abci.ResponseQuery {
	code := uint32(QueryFailed)
	if errors.Is(err, errNoSuchVersion) {
		code = QueryNoSuchVersion
	}
	if errors.Is(err, errNoBlock) {
		code = QueryNoBlock
	}
	return &abci.ResponseQuery{Code: code, Codespace: QueryCodespace, Log: err.Error()}
}

func state(t *iavl.ImmutableTree, key []byte, prove bool) *abci.ResponseQuery {
	if len(key) == 0 {
		return failed(errors.New("empty key"))
	}
	value, err := t.Get(key)
	if err != nil {
		return failed(fmt.Errorf("read state: %w", err))
	}
	r := &abci.ResponseQuery{Key: key, Value: value, Height: t.Version()}
	if !prove {
		return r
	}
	proof, err := t.GetProof(key)
	if err != nil {
		return failed(fmt.Errorf("prove state: %w", err))
	}
	b, err := proof.Marshal()
	if err != nil {
		return failed(fmt.Errorf("write proof: %w", err))
	}
	r.ProofOps = &cmtcrypto.ProofOps{Ops: []cmtcrypto.ProofOp{{Type: ProofType, Key: key, Data: b}}}
	return r
}

// list returns the canonical array of the values under a prefix. The values are
// canonical themselves.
func list(t *iavl.ImmutableTree, prefix []byte) *abci.ResponseQuery {
	end := append([]byte(nil), prefix...)
	end[len(end)-1]++ // no prefix of ours ends in 0xff
	var values []byte
	n := 0
	t.IterateRange(prefix, end, true, func(_, value []byte) bool {
		values = append(values, value...)
		n++
		return false
	})
	return &abci.ResponseQuery{Value: append(dcbor.AppendArray(nil, n), values...), Height: t.Version()}
}

// GrantsPage is the most grants in one answer of PathGrants.
const GrantsPage = 100

// grants reads a page of a member's index, and the grants that it names.
func grants(t *iavl.ImmutableTree, member string, after []byte) *abci.ResponseQuery {
	if !rules.ValidID(member) || len(after) != 0 && len(after) != rules.GrantPositionSize {
		return failed(errors.New("a member's id and a position expected"))
	}
	prefix := rules.GrantsPrefix(member)
	start, end := append(prefix[:len(prefix):len(prefix)], after...), rules.GrantsEnd(member)
	if len(after) != 0 {
		start = append(start, 0) // the key that follows
	}
	var ids [][]byte
	t.IterateRange(start, end, true, func(key, _ []byte) bool {
		ids = append(ids, key[len(key)-len(rules.GrantID{}):])
		return len(ids) == GrantsPage
	})
	values := dcbor.AppendArray(nil, len(ids))
	for _, id := range ids {
		v, err := t.Get(rules.GrantKey(rules.GrantID(id)))
		if err != nil || v == nil {
			return failed(fmt.Errorf("read grant: %w", errors.Join(err, errors.New("the index names it"))))
		}
		values = append(values, v...)
	}
	return &abci.ResponseQuery{Value: values, Height: t.Version()}
}
