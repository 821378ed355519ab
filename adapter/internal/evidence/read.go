package evidence

import (
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// The readers of Evidence's parts. A malformed part fails the Reader, and the
// part is then not to be used.

func readReceipt(r *dcbor.Reader) *receipt.Receipt {
	raw := r.Raw()
	if r.Err() != nil {
		return nil
	}
	parsed, err := receipt.Parse(raw)
	if err != nil {
		r.Fail(err.Error())
		return nil
	}
	return parsed
}

func readEntry(r *dcbor.Reader) Entry {
	r.ArrayOf(5)
	return Entry{Leaf: r.Bytes(), Opening: commit.ReadOpening(r), Inclusion: readHashes(r),
		Checkpoint: r.Bytes(), After: readReceipt(r)}
}

// readAudit reads the audit part, whose shape the claim decides.
func readAudit(r *dcbor.Reader, claim Claim) *Audit {
	if r.Next() == dcbor.KindNull {
		r.Null()
		return nil
	}
	r.ArrayOf(2)
	a := &Audit{Entry: readEntry(r)}
	if claim == Committed {
		r.ArrayOf(2)
		a.Manifest = &ManifestProof{Index: r.Uint(), Inclusion: readHashes(r)}
		return a
	}
	a.Finding = readFindingProof(r)
	return a
}

func readFindingProof(r *dcbor.Reader) *FindingProof {
	r.ArrayOf(5)
	p := &FindingProof{Finding: r.Bytes(), Index: r.Uint(), Inclusion: readHashes(r)}
	if r.Next() == dcbor.KindNull {
		r.Null()
	} else {
		p.Key = new(commit.Key)
		r.Fixed(p.Key[:])
	}
	if r.Next() == dcbor.KindNull {
		r.Null()
		return p
	}
	n := r.Array()
	p.Present = []PresentCell{}
	for ; n > 0 && r.Err() == nil; n-- {
		p.Present = append(p.Present, readPresentCell(r))
	}
	return p
}

func readPresentCell(r *dcbor.Reader) PresentCell {
	if r.Next() == dcbor.KindNull {
		r.Null()
		return PresentCell{}
	}
	r.ArrayOf(1)
	return PresentCell{Open: true, Value: row.ReadCell(r)}
}

func readHashes(r *dcbor.Reader) []merkle.Hash {
	n := r.Array()
	if n > merkle.MaxProof {
		r.Fail("proof too long")
		return nil
	}
	hashes := make([]merkle.Hash, n)
	for i := range hashes {
		r.Fixed(hashes[i][:])
	}
	return hashes
}
