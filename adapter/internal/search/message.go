package search

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"

	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/seal"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

const format = 1

// What a message is for.
const (
	useQuery  = "emrbchain/query/v1"
	useAnswer = "emrbchain/answer/v1"
)

// An ID is a query's: 16 random bytes.
type ID [16]byte

// envelope is the context that a message is bound to.
type envelope struct {
	use, chain string
	id         ID
	from, to   string
}

func (e envelope) append(b []byte) []byte {
	b = dcbor.AppendText(dcbor.AppendText(dcbor.AppendArray(b, 5), e.use), e.chain)
	b = dcbor.AppendBytes(b, e.id[:])
	return dcbor.AppendText(dcbor.AppendText(b, e.from), e.to)
}

func parseEnvelope(b []byte) (e envelope, err error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(5)
	e.use, e.chain = r.Text(), r.Text()
	r.Fixed(e.id[:])
	e.from, e.to = r.Text(), r.Text()
	return e, r.Done()
}

// query is what is asked.
type query struct {
	purpose string
	created int64 // ms since 1970 UTC
	roots   []Root
}

func (q *query) append(b []byte) []byte {
	b = dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(b, 4), format), q.purpose)
	b = dcbor.AppendArray(dcbor.AppendInt(b, q.created), len(q.roots))
	for _, r := range q.roots {
		b = dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(b, 2), uint64(r.Epoch)), r.Root[:])
	}
	return b
}

func parseQuery(b []byte) (q query, err error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(4)
	if v := r.Uint(); r.Err() == nil && v != format {
		r.Fail("query of an unknown version")
	}
	q.purpose, q.created = r.Text(), r.Int()
	if _, err := rules.ParsePurpose(q.purpose); err != nil {
		r.Fail("query of an unknown purpose")
	}
	n := r.Array()
	if n < 1 || n > MaxRoots {
		r.Fail("query of no roots, or too many")
	}
	for range n {
		if r.Err() != nil {
			break
		}
		var root Root
		r.ArrayOf(2)
		epoch := r.Uint()
		if epoch > vid.MaxEpoch {
			r.Fail("epoch out of range")
		}
		root.Epoch = uint16(epoch)
		r.Fixed(root.Root[:])
		q.roots = append(q.roots, root)
	}
	return q, r.Done()
}

// Outcome is what a site answers.
type Outcome uint8

// The outcomes.
const (
	Yes     Outcome = 1 // it knows the patient
	No      Outcome = 2
	Refused Outcome = 3 // by its policy
)

// String returns the outcome's name.
func (o Outcome) String() string {
	switch o {
	case Yes:
		return "yes"
	case No:
		return "no"
	case Refused:
		return "refused"
	}
	return "unknown"
}

// Reason is why a site answers no or refuses.
type Reason uint8

// The reasons.
const (
	NoReason   Reason = 0
	Incomplete Reason = 1 // not all of its patients can be found yet
	NotAllowed Reason = 2 // it answers the member nothing
	Purpose    Reason = 3 // not for this purpose
	Quota      Reason = 4 // not more today
	lastReason        = Quota
)

// String says the reason.
func (r Reason) String() string {
	switch r {
	case Incomplete:
		return "not all of its patients can be found yet; ask again later"
	case NotAllowed:
		return "it answers no queries of this member; ask its privacy officer"
	case Purpose:
		return "it does not answer this member for this purpose"
	case Quota:
		return "this member has asked as often as it may today; ask again tomorrow (UTC)"
	}
	return ""
}

// answer is what is answered; its envelope says to which query.
type answer struct {
	outcome Outcome
	reason  Reason
}

func (a *answer) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 3), format)
	return dcbor.AppendUint(dcbor.AppendUint(b, uint64(a.outcome)), uint64(a.reason))
}

func parseAnswer(b []byte) (a answer, err error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(3)
	if v := r.Uint(); r.Err() == nil && v != format {
		r.Fail("answer of an unknown version")
	}
	outcome, reason := r.Uint(), r.Uint()
	if outcome < uint64(Yes) || outcome > uint64(Refused) || reason > uint64(lastReason) {
		r.Fail("answer of an unknown outcome or reason")
	}
	a.outcome, a.reason = Outcome(outcome), Reason(reason)
	return a, r.Done()
}

// seal seals a message to a member, in one chunk.
func (s *Search) seal(to Peer, e envelope, plain []byte) ([]byte, error) {
	if len(to.Recipients) == 0 {
		return nil, errors.New("the chain's directory has no recipient key of a suite that this program knows; its operator must publish one")
	}
	var out bytes.Buffer
	w, err := seal.NewWriter(&out, to.Recipients[0], s.options.Signer, seal.Short, e.append(nil))
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// open opens a message of a member, which must be signed by it. The envelope is to
// be compared by the caller: only then does the message count.
func (s *Search) open(from ed25519.PublicKey, message []byte) (envelope, []byte, error) {
	if len(message) > MaxMessage {
		return envelope{}, nil, ErrMalformed
	}
	elsewhere := false
	r, err := seal.NewReader(bytes.NewReader(message), func(id seal.KeyID) *seal.Recipient {
		key := s.options.Keyring(id)
		elsewhere = key == nil
		return key
	})
	switch {
	case elsewhere:
		return envelope{}, nil, ErrRecipient
	case err != nil:
		return envelope{}, nil, ErrMalformed
	case !r.Sender().Equal(from):
		return envelope{}, nil, ErrForged
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return envelope{}, nil, ErrMalformed
	}
	e, err := parseEnvelope(r.Context())
	if err != nil {
		return envelope{}, nil, ErrContext
	}
	return e, plain, nil
}
