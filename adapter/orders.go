package adapter

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/authority"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/order"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// orderLasts is how long after it was prepared an order may be carried out.
const orderLasts = 30 * 24 * time.Hour

// orders reads what officers have ordered.
func (s *Sidecar) orders() authority.Reader {
	return authority.Reader{Log: s.log, Before: anchors{s.log, s.anchoring}.Before}
}

// PrepareOrder makes an order for an officer to sign. Nothing is done by it.
func (s *Sidecar) PrepareOrder(ctx context.Context, q api.OrderRequest) ([]byte, error) {
	f := &order.File{Order: &order.Order{Log: s.log.Origin(), Prepared: s.options.Now().UnixMilli(), Reason: q.Reason}}
	_, _ = rand.Read(f.Order.ID[:]) // never fails
	var err error
	switch q.Kind {
	case "erase", "hold", "release":
		f.Order.Kind = map[string]order.Kind{"erase": order.Erase, "hold": order.Hold, "release": order.Release}[q.Kind]
		_, _ = rand.Read(f.Salt[:])
		if f.Cell, _, err = s.findPatient(q.Patient); err == nil {
			f.Order.Patient = order.PatientDigest(f.Salt, f.Cell)
		}
	case "correct":
		f.Order.Kind = order.Correct
		err = s.prepareCorrection(ctx, f.Order, q)
	default:
		err = badOrder("kind is none of erase, hold, release and correct", "write one of them")
	}
	if err != nil {
		return nil, err
	}
	text := f.Append(nil)
	if _, err := order.ParseFile(text); err != nil {
		return nil, badOrder(err.Error(), "give a reason of 1 to 2000 bytes, and correct a row with few findings")
	}
	return text, nil
}

func badOrder(detail, mend string) error { return api.NewProblem(http.StatusBadRequest, detail, mend) }

func refused(detail, mend string) error { return api.NewProblem(http.StatusConflict, detail, mend) }

// CarryOut carries out an order that an officer has signed.
func (s *Sidecar) CarryOut(ctx context.Context, text []byte) (*api.Certificate, error) {
	f, err := order.ParseFile(text)
	if err != nil {
		return nil, badOrder(err.Error(), "send the file as emrbchain officer sign wrote it")
	}
	if f.Signed == nil {
		return nil, badOrder("the order is not signed", "have an officer sign it where the officer's key is: emrbchain officer sign")
	}
	if f.Order.Log != s.log.Origin() {
		return nil, refused(fmt.Sprintf("the order is for the log %q, this one is %q", f.Order.Log, s.log.Origin()), "carry it to that log's sidecar")
	}
	s.ordering.Lock()
	defer s.ordering.Unlock()
	if leaf, ok, err := authority.CarriedOut(s.log, f.Order); err != nil || ok {
		return s.certificate(leaf, true, err)
	}
	if err := s.allow(f); err != nil {
		return nil, err
	}
	// What has begun is brought to its end though nobody waits for it any more.
	leaf, err := s.carryOut(context.WithoutCancel(ctx), f)
	if err != nil {
		return nil, err
	}
	s.options.Logger.Warn().Str("event", "order carried out").Str("kind", f.Order.Kind.String()).Uint64("leaf", leaf).
		Str("order", hex.EncodeToString(f.Order.ID[:])).Msg("what an officer ordered was done")
	return s.certificate(leaf, false, nil)
}

// allow refuses an order that no officer on record has signed in time.
func (s *Sidecar) allow(f *order.File) error {
	_, _, err := s.orders().Check(f.Signed, s.log.Size())
	if errors.Is(err, authority.ErrUnauthorised) {
		return api.NewProblem(http.StatusForbidden, err.Error(), "have it signed by an officer whose key is on record and anchored: emrbchain officer list")
	}
	if err != nil {
		return err
	}
	if age := s.options.Now().Sub(time.UnixMilli(f.Order.Prepared)); age > orderLasts {
		return refused("the order was prepared more than 30 days ago", "prepare it again and have that signed")
	}
	return nil
}

func (s *Sidecar) carryOut(ctx context.Context, f *order.File) (uint64, error) {
	switch f.Order.Kind {
	case order.Erase:
		return s.erase(ctx, f)
	case order.Correct:
		return s.correct(ctx, f)
	}
	return s.hold(f)
}

// correct enters that findings are a correction. They must be open, and the row must
// stand as it did when the order was prepared.
func (s *Sidecar) correct(ctx context.Context, f *order.File) (leaf uint64, err error) {
	now, held, err := s.foundNow(ctx, f.Order.Table, f.Order.Key)
	if err != nil {
		return 0, err
	}
	var corrected []*findings.Finding
	for _, said := range f.Order.Found {
		i := slices.IndexFunc(now, func(o order.Found) bool { return sameFound(o, said) })
		if i < 0 {
			return 0, refused(fmt.Sprintf("the row's finding %q is not open any more, or the row was changed since the order was prepared", said.Verdict),
				"audit the table, prepare the order again, and have that signed")
		}
		corrected = append(corrected, held[i])
	}
	err = s.log.Update(func(b *recordlog.Batch) (err error) {
		leaf, err = authority.Enter(b, f.Order, &order.Body{Signed: f.Signed}, corrected...)
		return err
	})
	return leaf, err
}

func sameFound(a, b order.Found) bool {
	one, other := order.Order{Kind: order.Correct, Found: []order.Found{a}}, order.Order{Kind: order.Correct, Found: []order.Found{b}}
	return string(one.Append(nil)) == string(other.Append(nil))
}

func (s *Sidecar) prepareCorrection(ctx context.Context, o *order.Order, q api.OrderRequest) error {
	key, err := s.parseKey(ctx, q.Table, q.Key)
	if err != nil {
		return err
	}
	o.Table, o.Key = q.Table, row.AppendKey(nil, key)
	if o.Found, _, err = s.foundNow(ctx, o.Table, o.Key); err == nil && len(o.Found) == 0 {
		err = refused("the row has no open finding", "run emrbchain audit; what it finds of the row can be corrected")
	}
	return err
}

// foundNow returns the open findings of a row that are no corrections, and what an
// order says of each as the row stands now.
func (s *Sidecar) foundNow(ctx context.Context, table string, encoded []byte) (found []order.Found, held []*findings.Finding, err error) {
	key, err := row.ParseKey(encoded)
	if err != nil {
		return nil, nil, fmt.Errorf("read a row's key: %w", err)
	}
	if err := s.refuseWhilePaused(); err != nil {
		return nil, nil, err
	}
	chunk, _, err := s.ingest.Fetch(ctx, table, [][]row.Value{key})
	if err != nil {
		return nil, nil, problem(err)
	}
	var cells []row.Value
	if len(chunk.Rows) > 0 {
		cells = chunk.Rows[0].Cells
	}
	now := authority.RowDigest(s.secret, chunk.Table, cells)
	err = findings.OfRow(s.log, table, encoded, func(f *findings.Finding) error {
		said := authority.Found(f, now)
		c, before, err := s.orders().Corrected(f)
		if err != nil || c != nil && sameFound(*before, said) {
			return err
		}
		found, held = append(found, said), append(held, f)
		return nil
	})
	return found, held, err
}

// certificate says what came of the order whose entry stands at a leaf.
func (s *Sidecar) certificate(leaf uint64, repeated bool, err error) (*api.Certificate, error) {
	if err != nil {
		return nil, err
	}
	c, err := s.orders().Carried(leaf)
	if err != nil {
		return nil, err
	}
	officer, err := s.describeOfficer(c.Officer)
	if err != nil {
		return nil, err
	}
	wrapping, err := s.log.Wrapping()
	if err != nil {
		return nil, err
	}
	out := &api.Certificate{Order: hex.EncodeToString(c.Order.ID[:]), Kind: c.Order.Kind.String(), Log: c.Order.Log, Leaf: leaf,
		Time: when(c.Time), Officer: officer, Signed: when(c.Body.Signed.At), Reason: c.Order.Reason, Repeated: repeated,
		Versions: len(c.Body.Leaves), Keys: len(c.Body.Owners), Corrected: len(c.Order.Found), Entry: c.Body.Append(nil)}
	if c.Order.Kind == order.Erase {
		out.WrappingKey = wrapping.ID
	}
	_, after, ok, err := s.anchoring.Around(leaf)
	if err != nil || !ok {
		return out, err
	}
	out.Anchored = &api.Moment{Time: when(after.Time), Height: after.Height}
	out.Checkpoint, out.Receipt = string(after.Checkpoint), after.Receipt
	return out, nil
}

// RegisterOfficer puts an officer's public key on record.
func (s *Sidecar) RegisterOfficer(ctx context.Context, q api.OfficerRequest) (*api.Officers, error) {
	key, err := hex.DecodeString(q.Key)
	o := order.Officer{Name: q.Name}
	if err != nil || len(key) != len(o.Key) {
		return nil, badOrder("key is not a public key of Ed25519", "write its 64 hex digits, as emrbchain officer keygen printed them")
	}
	copy(o.Key[:], key)
	if _, err := order.ParseOfficer(o.Append(nil)); err != nil {
		return nil, badOrder("name is empty, too long or no text", "write the officer's name and office")
	}
	if err := s.log.Update(func(b *recordlog.Batch) error { return authority.Register(b, o) }); err != nil {
		return nil, err
	}
	return s.Officers(ctx)
}

// Officers lists the officers on record.
func (s *Sidecar) Officers(context.Context) (*api.Officers, error) {
	all, err := authority.Officers(s.log)
	if err != nil {
		return nil, err
	}
	out := &api.Officers{Officers: []api.Officer{}}
	for _, o := range all {
		described, err := s.describeOfficer(o)
		if err != nil {
			return nil, err
		}
		out.Officers = append(out.Officers, described)
	}
	return out, nil
}

func (s *Sidecar) describeOfficer(o authority.Officer) (api.Officer, error) {
	out := api.Officer{Name: o.Name, ID: o.ID(), Leaf: o.Leaf, Since: when(o.Since)}
	at, ok, err := anchors{s.log, s.anchoring}.Covering(o.Leaf)
	if err == nil && ok {
		out.Anchored = &api.Moment{Time: when(at.Time), Height: at.Height}
	}
	return out, err
}

// whyLost says why nothing opens a version of a row any more.
func (s *Sidecar) whyLost(table string, key []row.Value, version uint64, lost error) error {
	head, _, err := s.log.Head(table, row.AppendKey(nil, key))
	if err != nil {
		return err
	}
	e, err := s.log.Entry(head.Index)
	for err == nil && version != 0 && e.Header.Version != version && e.Header.Previous != commit.NoPrevious {
		e, err = s.log.Entry(e.Header.Previous)
	}
	if err != nil {
		return err
	}
	leaf, _, err := s.log.Destroyed(e.Owner)
	if err != nil {
		return err
	}
	c, err := s.orders().Erased(leaf, e.Header.Index)
	if errors.Is(err, authority.ErrUnauthorised) {
		return refused("unverifiable: the key that opens this version is gone, and no officer ordered that: "+lost.Error(),
			"run emrbchain audit, which reports it, and restore the store from its replica or backup")
	}
	if err != nil {
		return err
	}
	return refused(fmt.Sprintf("version %d of the row was erased on %s %s; nothing opens it any more", e.Header.Version,
		when(c.Time).Format(time.DateTime), c.Words()), "its certificate says what was erased: emrbchain patient erase --order FILE, with the order's file")
}
