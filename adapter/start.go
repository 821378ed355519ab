package adapter

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/authority"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// startFormat is the version of the body of a start entry.
const startFormat = 1

// recordStart enters that the sidecar started, with what it was told to cover:
// a table that is quietly taken out of the configuration is on record. The body
// is [1, version, SHA-256 of the configuration as JSON, [table]].
func (s *Sidecar) recordStart() error {
	text, err := json.Marshal(s.config)
	if err != nil {
		return fmt.Errorf("write the configuration as JSON: %w", err)
	}
	digest := sha256.Sum256(text)
	body := dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(nil, 4), startFormat), s.options.Version)
	body = dcbor.AppendArray(dcbor.AppendBytes(body, digest[:]), len(s.config.Source.Tables))
	for _, t := range s.config.Source.Tables {
		body = dcbor.AppendText(body, t.Name)
	}
	return s.log.Update(func(b *recordlog.Batch) error {
		if _, err := b.AppendEvent(commit.Start, body); err != nil {
			return err
		}
		if s.secret, err = b.Secret(authority.SecretPurpose); err != nil {
			return err
		}
		return b.NoteWrapping()
	})
}
