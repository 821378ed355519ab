package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/chain/receipt"
)

func (s *show) evidenceFile() string { return filepath.Join(s.dir, "altered.evidence") }

// prove fetches the evidence of the edit as soon as the audit that found it is
// anchored, and checks it with nothing but the trust file.
func (s *show) prove(ctx context.Context) (string, error) {
	var file []byte
	err := until(ctx, time.Minute, func(ctx context.Context) (err error) {
		file, err = s.riverside.control.Prove(ctx, api.ProveRequest{Table: s.altered.table, Key: s.altered.key})
		return err
	})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(s.evidenceFile(), file, 0o600); err != nil {
		return "", err
	}
	trust, err := s.trust(ctx)
	if err != nil {
		return "", err
	}
	result, err := check(file, trust)
	if err != nil {
		return "", err
	}
	var altered []string
	for _, c := range result.Columns {
		if c.Altered {
			altered = append(altered, c.Name)
		}
	}
	if result.Claim != evidence.Altered || strings.Join(altered, ",") != "value,flag" {
		return "", fmt.Errorf("expected evidence that value and flag were altered, got claim %q and columns %v", result.Claim, altered)
	}
	return fmt.Sprintf("%d bytes prove: %s %s, version %d, committed between blocks %d and %d; %s altered since",
		len(file), result.Table, result.Key, result.Version, result.After.Height, result.Before.Height, strings.Join(altered, " and ")), nil
}

func (s *show) trust(ctx context.Context) (receipt.Trust, error) {
	text, err := s.riverside.control.TrustExport(ctx)
	if err != nil {
		return receipt.Trust{}, err
	}
	return receipt.ParseTrust(text)
}

func check(file []byte, trust receipt.Trust) (*evidence.Result, error) {
	e, err := evidence.Parse(file)
	if err != nil {
		return nil, err
	}
	return e.Verify(trust)
}

// forge changes single bytes of the evidence, spread over the file.
func (s *show) forge(ctx context.Context) (string, error) {
	file, err := os.ReadFile(s.evidenceFile())
	if err != nil {
		return "", err
	}
	trust, err := s.trust(ctx)
	if err != nil {
		return "", err
	}
	const tries = 50
	var reason error
	for i := range tries {
		at := i * (len(file) - 1) / (tries - 1)
		file[at] ^= 0x20
		_, err := check(file, trust)
		file[at] ^= 0x20
		if err == nil {
			return "", fmt.Errorf("byte %d was changed and the evidence still verifies", at)
		}
		reason = err
	}
	if _, err := check(file, trust); err != nil {
		return "", errors.Join(errors.New("the unchanged evidence does not verify any more"), err)
	}
	return fmt.Sprintf("refused %d of %d times, the last: %v", tries, tries, reason), nil
}
