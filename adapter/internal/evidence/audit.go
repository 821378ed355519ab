package evidence

import (
	"crypto/sha256"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// auditFormat is the version of the audit body's format.
const auditFormat = 1

// An AuditBody is what an audit enters in the log, as the body of an event of
// op commit.Audit.
type AuditBody struct {
	Started, Ended Millis // by the sidecar's clock
	Coverage       []Coverage
	// ManifestRoot is the root over the rows that the audit read and found to
	// hold their latest version: Manifest.Root.
	ManifestRoot  merkle.Hash
	ManifestCount uint64
	// FindingsRoot is the root over the findings' canonical bytes: Tree.Root.
	FindingsRoot  merkle.Hash
	FindingsCount uint64
	Report        [sha256.Size]byte // SHA-256 of the canonical array of the findings' bytes, in order
}

// Coverage says how much of a table an audit read.
type Coverage struct {
	Table    string `json:"table"`
	Read     uint64 `json:"read"`     // rows read from the source
	Known    uint64 `json:"known"`    // live rows that the log knows
	Complete bool   `json:"complete"` // the table was read from end to end
	Oldest   Millis `json:"oldest"`   // when the first of the rows was read; 0 if none was
}

// Append appends the canonical encoding: [1, started, ended, [[table, read,
// known, complete 0|1, oldest]], manifest root, manifest count, findings root,
// findings count, report digest].
func (a *AuditBody) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 9), auditFormat)
	b = dcbor.AppendInt(dcbor.AppendInt(b, int64(a.Started)), int64(a.Ended))
	b = dcbor.AppendArray(b, len(a.Coverage))
	for _, c := range a.Coverage {
		b = dcbor.AppendText(dcbor.AppendArray(b, 5), c.Table)
		b = dcbor.AppendUint(dcbor.AppendUint(b, c.Read), c.Known)
		var complete uint64
		if c.Complete {
			complete = 1
		}
		b = dcbor.AppendInt(dcbor.AppendUint(b, complete), int64(c.Oldest))
	}
	b = dcbor.AppendUint(dcbor.AppendBytes(b, a.ManifestRoot[:]), a.ManifestCount)
	b = dcbor.AppendUint(dcbor.AppendBytes(b, a.FindingsRoot[:]), a.FindingsCount)
	return dcbor.AppendBytes(b, a.Report[:])
}

// ParseAuditBody reads a canonical audit body. Its strings are copies.
func ParseAuditBody(b []byte) (*AuditBody, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(9)
	if f := r.Uint(); r.Err() == nil && f != auditFormat {
		return nil, fmt.Errorf("audit body of format %d, this program knows %d", f, auditFormat)
	}
	a := &AuditBody{Started: Millis(r.Int()), Ended: Millis(r.Int())}
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		r.ArrayOf(5)
		c := Coverage{Table: r.Text(), Read: r.Uint(), Known: r.Uint()}
		complete := r.Uint()
		if complete > 1 {
			r.Fail("complete is neither 0 nor 1")
		}
		c.Complete, c.Oldest = complete == 1, Millis(r.Int())
		a.Coverage = append(a.Coverage, c)
	}
	r.Fixed(a.ManifestRoot[:])
	a.ManifestCount = r.Uint()
	r.Fixed(a.FindingsRoot[:])
	a.FindingsCount = r.Uint()
	r.Fixed(a.Report[:])
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("parse audit body: %w", err)
	}
	return a, nil
}
