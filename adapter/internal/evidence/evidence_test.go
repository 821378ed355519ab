package evidence_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/receipt/receipttest"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
)

func verify(b []byte, trust receipt.Trust) (*evidence.Result, error) {
	e, err := evidence.Parse(b)
	if err != nil {
		return nil, err
	}
	return e.Verify(trust)
}

func TestCommittedVersionBetweenTwoMoments(t *testing.T) {
	s := newSample(t, evidence.Committed, 4, change{})
	got, err := verify(s.evidence(evidence.Committed, "drug", "dose").Append(nil), s.trust)
	if err != nil {
		t.Fatal(err)
	}
	want := &evidence.Result{Claim: evidence.Committed, Chain: "test-chain", Log: sampleLogID, Incarnation: 1,
		Table: "prescriptions", Key: "42", KeyBytes: evidence.Hex(s.header.Key), Version: 3, Index: versionIndex,
		Op: "update", Seen: "stream", Assurance: "every version", EventID: "0-1-4711",
		EventTime: evidence.Millis(start), Logged: evidence.Millis(start + 5000),
		Columns: []evidence.Column{{Name: "id", Type: "int"}, {Name: "patient", Type: "int"},
			{Name: "drug", Type: "text", Open: true, Value: `"warfarin"`},
			{Name: "dose", Type: "text", Open: true, Value: `"2 mg"`}, {Name: "ended", Type: "date"}},
		After:     anchorMoment(t, s, 4),
		Before:    anchorMoment(t, s, 8),
		Witnesses: evidence.Witnesses{Validators: 4, Signed: 4, Tolerates: 1, Receipts: 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Verify (-want +got):\n%s", diff)
	}
}

func anchorMoment(t *testing.T, s *sample, size uint64) evidence.Moment {
	t.Helper()
	a, err := rules.ParseAnchor(s.receipts[size].Value)
	if err != nil {
		t.Fatal(err)
	}
	return evidence.Moment{Time: evidence.Millis(a.Time), Height: a.Height}
}

func TestOnlyChosenColumnsAreDisclosed(t *testing.T) {
	s := newSample(t, evidence.Committed, 4, change{})
	file := s.evidence(evidence.Committed, "drug").Append(nil)
	if !bytes.Contains(file, []byte("warfarin")) {
		t.Error("the chosen column is not in the file")
	}
	if bytes.Contains(file, []byte("2 mg")) {
		t.Error("a column that was not chosen is in the file")
	}
	if bytes.Contains(file, s.key[:]) {
		t.Error("the version's key, which opens all columns, is in the file")
	}
}

func TestIntactRowStandsInTheManifest(t *testing.T) {
	s := newSample(t, evidence.Committed, 4, change{})
	got, err := verify(s.intact("all").Append(nil), s.trust)
	if err != nil {
		t.Fatal(err)
	}
	if got.Audit == nil || got.Audit.Verdict != "intact" || got.Audit.Index != auditIndex || got.Witnesses.Receipts != 3 {
		t.Errorf("audit %+v, witnesses %+v", got.Audit, got.Witnesses)
	}
	if c := got.Conclusion(); !strings.HasPrefix(c, "INTACT: ") {
		t.Errorf("conclusion %q", c)
	}
}

func TestAlteredRowNamesTheColumns(t *testing.T) {
	s := newSample(t, evidence.Altered, 4, change{})
	got, err := verify(s.evidence(evidence.Altered).Append(nil), s.trust)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got.Columns {
		want := evidence.Column{Name: c.Name, Type: c.Type}
		if c.Name == "dose" {
			want.Altered, want.PresentOpen, want.Present = true, true, `"20 mg"`
		}
		if diff := cmp.Diff(want, c); diff != "" {
			t.Errorf("column %s (-want +got):\n%s", c.Name, diff)
		}
	}
	if got.Audit.Verdict != evidence.VerdictAltered || got.Audit.LastGood.Height != 4 || got.Audit.FirstBad != evidence.Millis(start+7000) {
		t.Errorf("audit %+v", got.Audit)
	}
	if c := got.Conclusion(); !strings.HasPrefix(c, "ALTERED: ") || !strings.Contains(c, `"dose"`) {
		t.Errorf("conclusion %q", c)
	}
}

func TestAlteredRowWithoutKeyHidesClosedColumns(t *testing.T) {
	s := newSample(t, evidence.Altered, 4, change{})
	e := s.evidence(evidence.Altered)
	e.Audit.Finding.Key, e.Audit.Finding.Present = nil, nil
	file := e.Append(nil)
	got, err := verify(file, s.trust)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Columns[3].Altered || got.KeyRevealed || bytes.Contains(file, s.key[:]) {
		t.Errorf("columns %+v, key revealed %v", got.Columns, got.KeyRevealed)
	}
}

func TestDeletedRow(t *testing.T) {
	s := newSample(t, evidence.Deleted, 4, change{})
	got, err := verify(s.evidence(evidence.Deleted).Append(nil), s.trust)
	if err != nil {
		t.Fatal(err)
	}
	if got.Audit.Verdict != evidence.VerdictDeleted {
		t.Errorf("audit %+v", got.Audit)
	}
	if c := got.Conclusion(); !strings.HasPrefix(c, "DELETED: ") {
		t.Errorf("conclusion %q", c)
	}
}

// What a late entry says of itself is compared with the chain's own time.
func TestLateEntryShowsADateBeforeTheAnchor(t *testing.T) {
	s := newSample(t, evidence.LateEntry, 4, change{values: endedLongAgo})
	got, err := verify(s.evidence(evidence.LateEntry, "ended").Append(nil), s.trust)
	if err != nil {
		t.Fatal(err)
	}
	if got.Audit.Verdict != evidence.VerdictLateEntry || got.Columns[4].Value != "2026-01-05" {
		t.Errorf("audit %+v, columns %+v", got.Audit, got.Columns)
	}
	if c := got.Conclusion(); !strings.HasPrefix(c, "LATE ENTRY: ") {
		t.Errorf("conclusion %q", c)
	}
}

// A recorded change of a final version is told apart from an unrecorded one.
func TestChangedAfterFinalSaysThatTheChangeWasRecorded(t *testing.T) {
	for _, claim := range []evidence.Claim{evidence.Altered, evidence.Deleted} {
		s := newSample(t, claim, 4, change{finding: afterFinal})
		got, err := verify(s.evidence(claim).Append(nil), s.trust)
		if err != nil {
			t.Fatal(err)
		}
		if c := got.Conclusion(); !strings.HasPrefix(c, "CHANGED AFTER FINAL: ") || !strings.Contains(c, "recorded change") {
			t.Errorf("conclusion %q", c)
		}
		if said := strings.Join(got.Says(), "\n"); strings.Contains(said, "audit found ANOTHER") || strings.Contains(said, "seen otherwise") {
			t.Errorf("it is told as unrecorded: %s", said)
		}
	}
}

// Whoever makes evidence can sign and hash as he likes; what he cannot do is
// make the parts fit a claim that they do not show.
func TestForgedEvidenceIsRefused(t *testing.T) {
	key := commit.Key{1}
	forgeries := map[string]struct {
		claim  evidence.Claim
		sample change
		file   func(s *sample, e *evidence.Evidence)
	}{
		"before anchor that holds the version": {evidence.Committed, change{}, func(s *sample, e *evidence.Evidence) {
			e.Before = s.receipts[8]
		}},
		"after anchor of another size": {evidence.Committed, change{}, func(s *sample, e *evidence.Evidence) {
			e.Version.After = s.receipts[16]
		}},
		"checkpoint that the chain never saw": {evidence.Committed, change{anchor: func(size uint64, a *rules.Anchor) {
			a.Root[0] ^= 1
		}}, nil},
		"anchor from the future": {evidence.Committed, change{anchor: func(size uint64, a *rules.Anchor) {
			a.Time += 1 << 40
		}}, nil},
		"before anchor after the after anchor": {evidence.Committed, change{anchor: func(size uint64, a *rules.Anchor) {
			if size == 8 {
				a.Height = 1
			}
		}}, nil},
		"header of another log":   {evidence.Committed, change{header: func(h *commit.Header) { h.Log += "1" }}, nil},
		"header of another index": {evidence.Committed, change{header: func(h *commit.Header) { h.Index = 6 }}, nil},
		"header of another operation": {evidence.Committed, change{}, func(s *sample, e *evidence.Evidence) {
			leaf, _ := commit.ParseLeaf(e.Version.Leaf)
			leaf.Op = commit.Insert
			e.Version.Leaf = leaf.Append(nil)
		}},
		"an event as a row": {evidence.Committed, change{}, func(s *sample, e *evidence.Evidence) {
			e.Version = s.auditPart().Entry
		}},
		"no audit": {evidence.Altered, change{}, func(s *sample, e *evidence.Evidence) { e.Audit = nil }},
		"altered without a difference": {evidence.Altered, change{finding: func(f *evidence.Finding) {
			f.Columns = nil
		}}, func(s *sample, e *evidence.Evidence) {}},
		"altered in another column": {evidence.Altered, change{finding: func(f *evidence.Finding) {
			f.Columns = []string{"drug"}
		}}, nil},
		"altered with an unlisted column": {evidence.Altered, change{finding: func(f *evidence.Finding) {
			f.Present[0][0] ^= 1
		}}, nil},
		"finding about another row": {evidence.Altered, change{finding: func(f *evidence.Finding) {
			f.Key = row.AppendKey(nil, []row.Value{row.NewInt(43)})
		}}, nil},
		"finding about another table":   {evidence.Altered, change{finding: func(f *evidence.Finding) { f.Table = "x" }}, nil},
		"finding about another version": {evidence.Altered, change{finding: func(f *evidence.Finding) { f.Leaf = 4 }}, nil},
		"finding of another verdict":    {evidence.Altered, change{finding: func(f *evidence.Finding) { f.Verdict = "intact" }}, nil},
		"deleted with present digests": {evidence.Deleted, change{finding: func(f *evidence.Finding) {
			f.Present = []commit.Digest{}
		}}, nil},
		"deleted as altered":        {evidence.Deleted, change{}, func(s *sample, e *evidence.Evidence) { e.Claim = evidence.Altered }},
		"altered as deleted":        {evidence.Altered, change{}, func(s *sample, e *evidence.Evidence) { e.Claim = evidence.Deleted }},
		"deletion of a deleted row": {evidence.Deleted, change{header: func(h *commit.Header) { h.Op = commit.Delete }}, nil},
		"finding that the audit does not hold": {evidence.Altered, change{body: func(b *evidence.AuditBody) {
			b.FindingsRoot[0] ^= 1
		}}, nil},
		"late without a date":       {evidence.LateEntry, change{}, showAll},
		"late with its date closed": {evidence.LateEntry, change{values: endedLongAgo}, nil},
		"late with a date after the anchor": {evidence.LateEntry, change{values: func(v []row.Value) {
			v[4], _ = row.NewDate([]byte("2026-12-30"))
		}}, showAll},
		"late by another column": {evidence.LateEntry, change{values: endedLongAgo, finding: func(f *evidence.Finding) {
			f.Columns = []string{"drug"}
		}}, showAll},
		"late by two columns": {evidence.LateEntry, change{values: endedLongAgo, finding: func(f *evidence.Finding) {
			f.Columns = []string{"ended", "drug"}
		}}, showAll},
		"late in a snapshot": {evidence.LateEntry, change{values: endedLongAgo, header: func(h *commit.Header) { h.Seen = commit.Snapshot }}, showAll},
		"late with the key": {evidence.LateEntry, change{values: endedLongAgo}, func(s *sample, e *evidence.Evidence) {
			showAll(s, e)
			e.Audit.Finding.Key = &s.key
		}},
		"late of another verdict": {evidence.LateEntry, change{values: endedLongAgo, finding: afterFinal}, showAll},
		"another key":             {evidence.Altered, change{}, func(s *sample, e *evidence.Evidence) { e.Audit.Finding.Key = &key }},
		"present value that was not found": {evidence.Altered, change{}, func(s *sample, e *evidence.Evidence) {
			e.Audit.Finding.Present[3].Value = row.NewText("utf8", []byte("200 mg"))
		}},
		"present values without the key": {evidence.Altered, change{}, func(s *sample, e *evidence.Evidence) {
			e.Audit.Finding.Key = nil
		}},
		"audit with its body closed": {evidence.Altered, change{}, func(s *sample, e *evidence.Evidence) {
			c := &e.Audit.Entry.Opening.Columns[0]
			*c = commit.OpenColumn{Digest: commit.ColumnDigest(c.Salt, "body", c.Value)}
		}},
		"the version as its own audit": {evidence.Altered, change{}, func(s *sample, e *evidence.Evidence) {
			e.Audit.Entry = e.Version
		}},
	}
	for name, f := range forgeries {
		s := newSample(t, f.claim, 1, f.sample)
		e := s.evidence(f.claim)
		if f.file != nil {
			f.file(s, e)
		}
		if _, err := e.Verify(s.trust); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
		if _, err := verify(e.Append(nil), s.trust); err == nil {
			t.Errorf("%s: accepted as a file", name)
		}
	}
}

// showAll opens all columns of the version.
func showAll(s *sample, e *evidence.Evidence) {
	e.Version.Opening = s.evidence(evidence.Committed, "all").Version.Opening
}

func TestManifestOfOtherVersionIsRefused(t *testing.T) {
	s := newSample(t, evidence.Committed, 1, change{})
	e := s.intact()
	e.Audit.Manifest.Index = 0
	if _, err := e.Verify(s.trust); !errors.Is(err, evidence.ErrInvalid) {
		t.Errorf("place of another row: %v", err)
	}
}

func TestOtherTrustIsRefused(t *testing.T) {
	s := newSample(t, evidence.Committed, 4, change{})
	other := receipttest.New(t, "test-chain", 1, 2, 3).Trust(1)
	if _, err := s.evidence(evidence.Committed).Verify(other); !errors.Is(err, receipt.ErrUntrusted) {
		t.Errorf("validators of another chain: %v", err)
	}
	other = receipttest.New(t, "other-chain", receipttest.Equal(4)...).Trust(1)
	if _, err := s.evidence(evidence.Committed).Verify(other); !errors.Is(err, evidence.ErrInvalid) {
		t.Errorf("another chain id: %v", err)
	}
}

func TestSizes(t *testing.T) {
	for _, n := range []int{4, 21} {
		committed := newSample(t, evidence.Committed, n, change{}).evidence(evidence.Committed, "all")
		altered := newSample(t, evidence.Altered, n, change{}).evidence(evidence.Altered)
		deleted := newSample(t, evidence.Deleted, n, change{}).evidence(evidence.Deleted)
		t.Logf("%d validators: committed %d B, altered %d B, deleted %d B", n,
			len(committed.Append(nil)), len(altered.Append(nil)), len(deleted.Append(nil)))
	}
}

func TestHolderMayCloseColumnsAgain(t *testing.T) {
	s := newSample(t, evidence.Altered, 4, change{})
	e := s.evidence(evidence.Altered, "drug")
	drug := &e.Version.Opening.Columns[2]
	*drug = commit.OpenColumn{Digest: commit.ColumnDigest(drug.Salt, "drug", drug.Value)}
	e.Audit.Finding.Key, e.Audit.Finding.Present = nil, nil
	got, err := verify(e.Append(nil), s.trust)
	if err != nil {
		t.Fatal(err)
	}
	if got.Columns[2].Open || !got.Columns[3].Altered || got.Columns[3].PresentOpen {
		t.Errorf("columns %+v", got.Columns)
	}
}
