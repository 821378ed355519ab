package sweep

import (
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
)

// LeaveTold leaves out the deviations of rows without a key that open findings have
// told of already, be it of others that are equal to them.
func (r *Result) LeaveTold(log findings.Log) (err error) {
	if r.Table == nil || !rows.Numbered(r.Table) {
		return nil
	}
	r.Deviations, err = findings.Untold(log, r.Table.Name, rows.DigestOf, r.Deviations, func(d Deviation) (findings.Verdict, []byte) {
		switch d.Kind {
		case Deleted:
			return findings.Deleted, d.Key
		case Inserted, Stale:
			return findings.UnloggedInsert, d.Key
		}
		return "", d.Key
	})
	return err
}
