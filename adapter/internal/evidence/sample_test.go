package evidence_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/receipt/receipttest"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// The sample log: 16 entries, anchored at 0, 4, 8 and 16. Entry 5 is the
// version that evidence is about, entry 12 the audit, all others fill.
const (
	sampleLogID   = "00112233445566778899aabbccddeeff"
	versionIndex  = 5
	auditIndex    = 12
	sampleEntries = 16
)

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC).UnixMilli()

// A sample is a small hospital: a log, the chain that it is anchored on, and
// one version of a row that an audit judged.
type sample struct {
	t        testing.TB
	chain    *receipttest.Chain
	trust    receipt.Trust
	origin   string
	signer   note.Signer
	vkey     string
	leaves   [][]byte
	tree     evidence.Tree
	receipts map[uint64]*receipt.Receipt

	key       commit.Key // of the version
	header    *commit.Header
	values    []row.Value
	digests   []commit.Digest
	findings  evidence.Tree
	finding   *evidence.Finding
	neighbour []byte
	auditBody []byte
	audit     *commit.Header
	manifest  evidence.Tree
}

// change lets a test build a sample that is wrong in one point, consistently
// hashed and signed.
type change struct {
	header  func(*commit.Header)
	values  func([]row.Value)
	body    func(*evidence.AuditBody)
	finding func(*evidence.Finding)
	anchor  func(size uint64, a *rules.Anchor)
}

func newSample(t testing.TB, claim evidence.Claim, validators int, c change) *sample {
	t.Helper()
	s := &sample{t: t, chain: receipttest.New(t, "test-chain", receipttest.Equal(validators)...),
		origin: merkle.Origin("test-chain", sampleLogID, 1), receipts: map[uint64]*receipt.Receipt{}}
	s.trust = s.chain.Trust(1)
	skey, vkey, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 64)), s.origin) // a test key
	s.must(err)
	s.signer, err = note.NewSigner(skey)
	s.must(err)
	s.vkey = vkey
	s.commitVersion(c)
	s.judge(claim, c)
	for i := range uint64(sampleEntries) {
		switch i {
		case versionIndex, auditIndex:
			continue
		}
		s.leaves[i] = s.event(i, commit.Pad, nil, nil)
	}
	s.anchorAll(c)
	return s
}

func (s *sample) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// owner is the sample's only owner: a test key.
func owner() *commit.Owner { return commit.NewOwner(&[commit.KeySize]byte{1, 2, 3}) }

func (s *sample) commitVersion(c change) {
	s.leaves = make([][]byte, sampleEntries)
	s.header = &commit.Header{Log: s.origin, Index: versionIndex, Op: commit.Update, Seen: commit.Stream,
		Assurance: commit.EveryVersion, Table: "prescriptions", Key: row.AppendKey(nil, []row.Value{row.NewInt(42)}),
		Version: 3, Previous: 2, EventID: "0-1-4711", EventTime: start * 1000,
		Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "patient", Type: row.Int},
			{Name: "drug", Type: row.Text}, {Name: "dose", Type: row.Text}, {Name: "ended", Type: row.Date}}}
	if c.header != nil {
		c.header(s.header)
	}
	s.values = []row.Value{row.NewInt(42), row.NewInt(1007), row.NewText("utf8", []byte("warfarin")),
		row.NewText("utf8", []byte("2 mg")), row.Null()}
	if c.values != nil {
		c.values(s.values)
	}
	s.key = owner().VersionKey(s.origin, versionIndex)
	s.leaves[versionIndex], s.digests = s.leaf(s.key, s.header, s.values)
}

func (s *sample) leaf(k commit.Key, h *commit.Header, values []row.Value) ([]byte, []commit.Digest) {
	var committer commit.Committer
	digest, digests, err := committer.Commit(k, h, values)
	s.must(err)
	l := commit.Leaf{Op: h.Op, Time: start + int64(h.Index)*1000, Commitment: digest}
	return l.Append(nil), append([]commit.Digest{}, digests...)
}

// event commits an event with a body and keeps its header.
func (s *sample) event(index uint64, op commit.Op, body []byte, keep **commit.Header) []byte {
	h := &commit.Header{Log: s.origin, Index: index, Op: op, Previous: commit.NoPrevious,
		Columns: []row.Column{{Name: "body", Type: row.Bytes}}}
	if keep != nil {
		*keep = h
	}
	leaf, _ := s.leaf(owner().VersionKey(s.origin, index), h, []row.Value{row.NewBytes(body)})
	return leaf
}

// judge makes the audit's entry with a finding or a manifest row of the version.
func (s *sample) judge(claim evidence.Claim, c change) {
	leaf, err := commit.ParseLeaf(s.leaves[versionIndex])
	s.must(err)
	s.finding = s.makeFinding(claim)
	if c.finding != nil {
		c.finding(s.finding)
	}
	neighbour := *s.finding
	neighbour.Table, neighbour.Salt = "patients", [16]byte{9}
	s.neighbour = neighbour.Append(nil)
	for _, f := range [][]byte{s.neighbour, s.finding.Append(nil), s.neighbour} {
		s.must(s.findings.Add(f))
	}
	for _, m := range []evidence.ManifestRow{{Table: "patients", Key: []byte{0x80}, Version: 1},
		{Table: "prescriptions", Key: s.header.Key, Version: s.header.Version, Commitment: leaf.Commitment}} {
		s.must(s.manifest.Add(m.Append(nil)))
	}
	body := &evidence.AuditBody{Started: evidence.Millis(start + 6000), Ended: evidence.Millis(start + 9000),
		Coverage:      []evidence.Coverage{{Table: "prescriptions", Read: 2, Known: 3, Complete: true, Oldest: evidence.Millis(start + 6500)}},
		ManifestCount: s.manifest.Size(), FindingsCount: s.findings.Size(), Report: sha256.Sum256([]byte("report"))}
	body.ManifestRoot, err = s.manifest.Root()
	s.must(err)
	body.FindingsRoot, err = s.findings.Root()
	s.must(err)
	if c.body != nil {
		c.body(body)
	}
	s.auditBody = body.Append(nil)
	s.leaves[auditIndex] = s.event(auditIndex, commit.Audit, s.auditBody, &s.audit)
}

// found are the values that the sample's audit found in an altered row.
func found() []row.Value {
	return []row.Value{row.NewInt(42), row.NewInt(1007), row.NewText("utf8", []byte("warfarin")),
		row.NewText("utf8", []byte("20 mg")), row.Null()}
}

func (s *sample) makeFinding(claim evidence.Claim) *evidence.Finding {
	f := &evidence.Finding{Salt: [16]byte{1, 2, 3}, Verdict: evidence.VerdictDeleted, Table: s.header.Table,
		Key: s.header.Key, Leaf: versionIndex, Version: s.header.Version,
		LastGood: evidence.Moment{Time: evidence.Millis(start + 5000), Height: 4}, FirstBad: evidence.Millis(start + 7000),
		Detail: "seen in two reads"}
	if claim == evidence.LateEntry {
		f.Verdict, f.Columns = evidence.VerdictLateEntry, []string{"ended"}
	}
	if claim != evidence.Altered {
		return f
	}
	f.Verdict, f.Columns = evidence.VerdictAltered, []string{"dose"}
	salts := commit.Salts(s.key, len(s.header.Columns))
	for i, v := range found() {
		f.Present = append(f.Present, commit.ColumnDigest(salts[i], s.header.Columns[i].Name, v))
	}
	return f
}

// anchorAll builds the tree and anchors the log, and keeps a receipt of each
// anchor.
func (s *sample) anchorAll(c change) {
	for _, leaf := range s.leaves {
		s.must(s.tree.Add(leaf))
	}
	for _, size := range []uint64{0, 4, 8, sampleEntries} {
		height, at := s.chain.Next()
		a := rules.Anchor{Root: s.checkpoint(size).Root, Height: height, Time: at.UnixMilli()}
		if c.anchor != nil {
			c.anchor(size, &a)
		}
		key := rules.AnchorKey(sampleLogID, 1, size)
		s.chain.Set(key, a.Append(nil))
		s.receipts[size] = s.chain.Receipt(key)
	}
}

// prefix returns the tree over the first size leaves.
func (s *sample) prefix(size uint64) *evidence.Tree {
	var t evidence.Tree
	for _, leaf := range s.leaves[:size] {
		s.must(t.Add(leaf))
	}
	return &t
}

func (s *sample) checkpoint(size uint64) merkle.Checkpoint {
	root, err := s.prefix(size).Root()
	s.must(err)
	return merkle.Checkpoint{Origin: s.origin, Size: size, Root: root}
}

// entry opens a leaf under the checkpoint of a size.
func (s *sample) entry(index, size uint64, o *commit.Opening) evidence.Entry {
	inclusion, err := s.prefix(size).Prove(index)
	s.must(err)
	checkpoint, err := s.checkpoint(size).Sign(s.signer)
	s.must(err)
	return evidence.Entry{Leaf: s.leaves[index], Opening: o, Inclusion: inclusion, Checkpoint: checkpoint,
		After: s.receipts[size]}
}

// evidence makes evidence with the named columns shown.
func (s *sample) evidence(claim evidence.Claim, show ...string) *evidence.Evidence {
	var committer commit.Committer
	opening, err := committer.Open(s.key, s.header, s.values, s.digests, func(i int) bool {
		return slices.Contains(show, "all") || slices.Contains(show, s.header.Columns[i].Name)
	})
	s.must(err)
	e := &evidence.Evidence{Claim: claim, LogKey: s.vkey, Before: s.receipts[4],
		Version: s.entry(versionIndex, 8, opening)}
	if claim == evidence.Committed {
		return e
	}
	e.Audit = s.auditPart()
	e.Audit.Finding = s.findingProof(claim)
	return e
}

func (s *sample) auditPart() *evidence.Audit {
	body := []row.Value{row.NewBytes(s.auditBody)}
	key := owner().VersionKey(s.origin, auditIndex)
	var committer commit.Committer
	_, digests, err := committer.Commit(key, s.audit, body)
	s.must(err)
	opening, err := committer.Open(key, s.audit, body, append([]commit.Digest{}, digests...), func(int) bool { return true })
	s.must(err)
	return &evidence.Audit{Entry: s.entry(auditIndex, sampleEntries, opening)}
}

func (s *sample) findingProof(claim evidence.Claim) *evidence.FindingProof {
	inclusion, err := s.findings.Prove(1)
	s.must(err)
	p := &evidence.FindingProof{Finding: s.finding.Append(nil), Index: 1, Inclusion: inclusion}
	if claim == evidence.Altered {
		key := s.key
		p.Key = &key
		p.Present = make([]evidence.PresentCell, len(s.header.Columns))
		p.Present[3] = evidence.PresentCell{Open: true, Value: found()[3]}
	}
	return p
}

// intact makes evidence that an audit found the version intact.
func (s *sample) intact(show ...string) *evidence.Evidence {
	e := s.evidence(evidence.Committed, show...)
	inclusion, err := s.manifest.Prove(1)
	s.must(err)
	e.Audit = s.auditPart()
	e.Audit.Manifest = &evidence.ManifestProof{Index: 1, Inclusion: inclusion}
	return e
}
