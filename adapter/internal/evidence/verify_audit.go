package evidence

import (
	"encoding/binary"
	"slices"

	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// anchorSize reads the size out of the key of an anchor, to be checked against
// the whole key afterwards.
func anchorSize(key []byte) (uint64, error) {
	if len(key) < 8 {
		return 0, invalid("the receipt before the version is not of an anchor")
	}
	return binary.BigEndian.Uint64(key[len(key)-8:]), nil
}

// audit checks the audit's own entry and what it says of the version.
func (v *verifier) audit(e *Evidence, version *opened, before rules.Anchor, result *Result) (*AuditResult, error) {
	entry, err := v.entry("audit", &e.Audit.Entry)
	if err != nil {
		return nil, err
	}
	body, err := openAudit(entry)
	if err != nil {
		return nil, err
	}
	if entry.header.Index <= version.header.Index {
		return nil, invalid("the audit was entered before the version")
	}
	out := &AuditResult{Index: entry.header.Index, Started: body.Started, Ended: body.Ended,
		Anchored: moment(entry.anchor), Coverage: body.Coverage, Verdict: "intact"}
	if e.Claim == Committed {
		return out, verifyManifest(e.Audit.Manifest, body, version)
	}
	finding, err := openFinding(e.Audit.Finding, body, version)
	if err != nil {
		return nil, err
	}
	out.Verdict, out.Detail = finding.Verdict, finding.Detail
	out.LastGood, out.FirstBad = finding.LastGood, finding.FirstBad
	switch e.Claim {
	case Deleted:
		return out, verifyDeleted(e.Audit.Finding, finding)
	case LateEntry:
		return out, verifyLate(e.Audit.Finding, finding, version, before)
	}
	return out, verifyAltered(e.Audit.Finding, finding, version, result)
}

// openAudit returns the body that an audit's entry opens.
func openAudit(entry *opened) (*AuditBody, error) {
	columns := entry.opening.Columns
	if entry.header.Op != commit.Audit || len(columns) != 1 || !columns[0].Open ||
		entry.header.Columns[0] != (row.Column{Name: "body", Type: row.Bytes}) {
		return nil, invalid("the audit's entry does not open an audit's body")
	}
	body, err := ParseAuditBody(columns[0].Value.Raw())
	if err != nil {
		return nil, invalid("%v", err)
	}
	return body, nil
}

// verifyManifest checks that the version stands in the audit's manifest.
func verifyManifest(p *ManifestProof, body *AuditBody, version *opened) error {
	h := version.header
	m := ManifestRow{Table: h.Table, Key: h.Key, Version: h.Version, Commitment: version.leaf.Commitment}
	leaf := merkle.LeafHash(m.Append(nil))
	if merkle.VerifyInclusion(p.Inclusion, body.ManifestCount, body.ManifestRoot, p.Index, leaf) != nil {
		return invalid("the version does not stand in the audit's manifest")
	}
	return nil
}

// openFinding returns the finding, which must be the audit's and about this
// version.
func openFinding(p *FindingProof, body *AuditBody, version *opened) (*Finding, error) {
	leaf := merkle.LeafHash(p.Finding)
	if merkle.VerifyInclusion(p.Inclusion, body.FindingsCount, body.FindingsRoot, p.Index, leaf) != nil {
		return nil, invalid("the finding does not stand in the audit")
	}
	f, err := ParseFinding(p.Finding)
	if err != nil {
		return nil, invalid("%v", err)
	}
	h := version.header
	if f.Table != h.Table || string(f.Key) != string(h.Key) || f.Leaf != h.Index || f.Version != h.Version {
		return nil, invalid("the finding is about another row or version")
	}
	if p.Key != nil && commit.KeyDigest(*p.Key) != version.opening.KeyDigest {
		return nil, invalid("the revealed key is not the version's")
	}
	return f, nil
}

// verifyDeleted checks that the finding says that the row was not there.
func verifyDeleted(p *FindingProof, f *Finding) error {
	gone := []string{VerdictDeleted, VerdictRestored, VerdictChangedInGap, VerdictChangedAfterFinal}
	if !slices.Contains(gone, f.Verdict) || f.Present != nil || len(f.Columns) > 0 {
		return invalid("the finding does not say that the row was gone")
	}
	if p.Key != nil || p.Present != nil {
		return invalid("values are shown of a row that was gone")
	}
	return nil
}

// verifyLate checks that the version gives a clinical date that was surely over
// when the chain did not hold it yet. So this does not rest on the audit alone.
func verifyLate(p *FindingProof, f *Finding, version *opened, before rules.Anchor) error {
	if f.Verdict != VerdictLateEntry || f.Present != nil || len(f.Columns) != 1 || p.Key != nil || p.Present != nil {
		return invalid("the finding does not say that the version was entered late")
	}
	if seen := version.header.Seen; seen != commit.Stream && seen != commit.Fetch {
		return invalid("the version was found by a %s, which does not tell when it was entered", seen)
	}
	i := slices.IndexFunc(version.header.Columns, func(c row.Column) bool { return c.Name == f.Columns[0] })
	if i < 0 || !version.opening.Columns[i].Open {
		return invalid("the clinical date is not shown")
	}
	date, ok := version.opening.Columns[i].Value.LatestMoment()
	if !ok || date >= before.Time {
		return invalid("the clinical date is not before the anchor that does not hold the version yet")
	}
	return nil
}

// verifyAltered compares the digests that the audit found with the committed
// ones; the columns that differ must be those that the finding names. It marks
// them in the result.
func verifyAltered(p *FindingProof, f *Finding, version *opened, result *Result) error {
	changed := []string{VerdictAltered, VerdictStale, VerdictRestored, VerdictHistoryBroken, VerdictChangedInGap,
		VerdictChangedAfterFinal}
	if !slices.Contains(changed, f.Verdict) || len(f.Present) != len(version.header.Columns) {
		return invalid("the finding does not say that the row was altered")
	}
	var differ []string
	for i, column := range version.header.Columns {
		if f.Present[i] == committedDigest(version, i) {
			continue
		}
		differ = append(differ, column.Name)
		result.Columns[i].Altered = true
	}
	if len(differ) == 0 || !slices.Equal(differ, f.Columns) {
		return invalid("the columns that differ are not those that the finding names")
	}
	return verifyPresent(p, f, version, result)
}

// committedDigest returns the digest that the version's commitment holds for a
// column, shown or computed from the opened value.
func committedDigest(version *opened, i int) commit.Digest {
	c := version.opening.Columns[i]
	if !c.Open {
		return c.Digest
	}
	return commit.ColumnDigest(c.Salt, version.header.Columns[i].Name, c.Value)
}

// verifyPresent checks the values that the evidence shows as found against the
// digests in the finding, under the salts of the revealed key.
func verifyPresent(p *FindingProof, f *Finding, version *opened, result *Result) error {
	result.KeyRevealed = p.Key != nil
	if p.Present == nil {
		return nil
	}
	if p.Key == nil || len(p.Present) != len(f.Present) {
		return invalid("present values are shown without the version's key, or not one per column")
	}
	salts := commit.Salts(*p.Key, len(f.Present))
	for i, cell := range p.Present {
		if !cell.Open {
			continue
		}
		if commit.ColumnDigest(salts[i], version.header.Columns[i].Name, cell.Value) != f.Present[i] {
			return invalid("a present value is not the one that the audit found")
		}
		result.Columns[i].PresentOpen, result.Columns[i].Present = true, cell.Value.Display()
	}
	return nil
}
