package rules

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// ErrGenesis says that a genesis document cannot start a chain.
var ErrGenesis = errors.New("bad genesis")

// A Member is an organisation on the chain; it stands in the state under
// MemberKey.
type Member struct {
	ID   string            `json:"id"`   // lower-case letters, digits and inner hyphens, at most 40
	Name string            `json:"name"` // for people to read, at most 200 bytes
	Key  ed25519.PublicKey `json:"key"`  // signs for the member; base64 in JSON
}

// Append appends the canonical encoding: [1, id, name, key].
func (m Member) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 4), 1)
	b = dcbor.AppendText(dcbor.AppendText(b, m.ID), m.Name)
	return dcbor.AppendBytes(b, m.Key)
}

// ParseMember reads a canonical member record.
func ParseMember(b []byte) (Member, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(4)
	if v := r.Uint(); r.Err() == nil && v != 1 {
		r.Fail("member record of an unknown format")
	}
	m := Member{ID: r.Text(), Name: r.Text(), Key: make(ed25519.PublicKey, ed25519.PublicKeySize)}
	r.Fixed(m.Key)
	if err := r.Done(); err != nil {
		return Member{}, fmt.Errorf("parse member: %w", err)
	}
	return m, nil
}

// A Genesis is the state that a chain starts from.
type Genesis struct {
	Members []Member `json:"members"` // sorted by id
}

// JSON returns the canonical form of the genesis: members sorted by id, no
// white space. It returns ErrGenesis for a genesis that cannot start a chain.
func (g Genesis) JSON() ([]byte, error) {
	g.Members = slices.SortedFunc(slices.Values(g.Members), func(a, b Member) int {
		return strings.Compare(a.ID, b.ID)
	})
	if err := g.check(); err != nil {
		return nil, err
	}
	b := new(bytes.Buffer)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(g); err != nil {
		return nil, fmt.Errorf("write genesis: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ParseGenesis reads a genesis in its canonical form, white space aside: all
// validators must start from the same one.
func ParseGenesis(b []byte) (Genesis, error) {
	var g Genesis
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&g); err != nil {
		return Genesis{}, fmt.Errorf("%w: %w", ErrGenesis, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Genesis{}, fmt.Errorf("%w: something follows it", ErrGenesis)
	}
	want, err := g.JSON()
	if err != nil {
		return Genesis{}, err
	}
	got := new(bytes.Buffer)
	if err := json.Compact(got, b); err != nil || !bytes.Equal(got.Bytes(), want) {
		return Genesis{}, fmt.Errorf("%w: not in its canonical form (members sorted by id, fields id, name, key)", ErrGenesis)
	}
	return g, nil
}

// Apply writes the genesis into an empty state, in the order of the members.
func (g Genesis) Apply(s State) error {
	for _, m := range g.Members {
		if err := s.Set(MemberKey(m.ID), m.Append(nil)); err != nil {
			return fmt.Errorf("write member: %w", err)
		}
	}
	return nil
}

func (g Genesis) check() error {
	if len(g.Members) == 0 {
		return fmt.Errorf("%w: it has no members", ErrGenesis)
	}
	keys := make(map[string]string, len(g.Members))
	for i, m := range g.Members {
		if err := m.check(); err != nil {
			return err
		}
		if i > 0 && g.Members[i-1].ID == m.ID {
			return fmt.Errorf("%w: member %s is there twice", ErrGenesis, m.ID)
		}
		if other, taken := keys[string(m.Key)]; taken {
			return fmt.Errorf("%w: members %s and %s have the same key", ErrGenesis, other, m.ID)
		}
		keys[string(m.Key)] = m.ID
	}
	return nil
}

func (m Member) check() error {
	switch {
	case !ValidID(m.ID):
		return fmt.Errorf("%w: member id %q: lower-case letters, digits and inner hyphens, at most 40, expected", ErrGenesis, clip(m.ID))
	case m.Name == "" || len(m.Name) > 200 || !utf8.ValidString(m.Name) || strings.ContainsFunc(m.Name, unicode.IsControl):
		return fmt.Errorf("%w: member %s: a name of 1 to 200 bytes without control characters expected", ErrGenesis, m.ID)
	case len(m.Key) != ed25519.PublicKeySize:
		return fmt.Errorf("%w: member %s: an Ed25519 key of %d bytes expected", ErrGenesis, m.ID, ed25519.PublicKeySize)
	}
	return nil
}

// ValidID says whether a string can be the id of a member or of a chain: 1 to
// 40 lower-case letters, digits and inner hyphens.
func ValidID(id string) bool {
	if id == "" || len(id) > 40 || id[0] == '-' || id[len(id)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	})
}

// member returns a member, or ErrUnknownMember.
func member(s State, id string) (Member, error) {
	if !ValidID(id) {
		return Member{}, fmt.Errorf("%w: no member can have such an id", ErrUnknownMember)
	}
	b, err := s.Get(MemberKey(id))
	if err != nil {
		return Member{}, fmt.Errorf("read member: %w", err)
	}
	if b == nil {
		return Member{}, fmt.Errorf("%w: %s", ErrUnknownMember, id)
	}
	m, err := ParseMember(b)
	if err != nil {
		return Member{}, fmt.Errorf("%w: %w", errState, err)
	}
	return m, nil
}
