package rows

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A Guide tells whose rows are as they were read, by the rows that are recorded. The
// key that a row's latest version was committed under may be another's: where a row
// on its path went to another patient, it stays until its own next version. A Guide
// is safe for concurrent use.
type Guide struct {
	log      *recordlog.Log
	mappings map[string]Mapping
}

// NewGuide returns a Guide over a log.
func NewGuide(log *recordlog.Log, mappings []Mapping) *Guide {
	g := &Guide{log: log, mappings: make(map[string]Mapping, len(mappings))}
	for _, m := range mappings {
		g.mappings[m.Table] = m
	}
	return g
}

// Patient returns the number of the patient's owner whom a row leads to; 0 where it
// leads to none who is known.
func (g *Guide) Patient(t *tap.Table, cells []row.Value) (owner uint64, err error) {
	m := g.mappings[t.Name]
	column := slices.IndexFunc(t.Columns, func(c row.Column) bool { return c.Name == m.Patient })
	if m.Patient == "" || column < 0 || column >= len(cells) {
		return 0, nil
	}
	who, ok := identity(cells[column])
	switch {
	case !ok:
		return 0, nil
	case m.To == "":
		return g.log.KnownOwner(recordlog.OwnerName{Kind: recordlog.OwnerPatient, Key: row.AppendCell(nil, who)})
	}
	secret, err := g.log.Secret(referencePurpose)
	if err != nil {
		return 0, fmt.Errorf("make the secret of the index of rows: %w", err)
	}
	mac := hmac.New(sha256.New, secret[:])
	mac.Write(appendNamed(nil, m.To, who))
	owner, _, err = resolve(g.log, lead{to: reference(mac.Sum(nil)[:recordlog.ReferenceSize])}, len(g.mappings))
	return owner, err
}
