package adapter

import (
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/patients"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

// openPatients opens the index of patients with its keys. Without that section it
// drops what an earlier configuration had indexed, which nobody would keep up.
func (s *Sidecar) openPatients() error {
	if s.log.Err() != nil {
		return nil // a log that takes nothing is reported and answers without
	}
	if err := s.log.PrepareOwnerRows(); err != nil {
		return err
	}
	c := &s.config.Patients
	if !c.Any() {
		return patients.Forget(s.log)
	}
	options, err := patientsOptions(c)
	if err != nil {
		return err
	}
	options.Mappings = mappings(s.config)
	s.patients, err = patients.New(s.log, options)
	if errors.Is(err, patients.ErrSite) {
		return config.NewError("patients.site_key_file", err.Error(), "restore that key from its backup: with another, every id that was given out would lead to nobody")
	}
	return err
}

// identities is what ingest feeds; nil where nobody is to be found.
func (s *Sidecar) identities() ingest.Identities {
	if s.patients == nil {
		return nil
	}
	return s.patients
}

func patientsOptions(c *config.Patients) (o patients.Options, err error) {
	if o.Systems, err = vid.NewSystems(c.Opaque...); err != nil {
		return o, fmt.Errorf("patients.opaque: %w", err)
	}
	if o.Site, err = readKey("patients.site_key_file", c.SiteKeyFile, vid.ParseSite); err != nil {
		return o, err
	}
	for i, e := range c.Epochs {
		field := fmt.Sprintf("patients.epochs[%d].key_file", i)
		keyed, err := readKey(field, e.KeyFile, vid.ParseKeyed)
		if err != nil {
			return o, err
		}
		if uint64(keyed.Epoch()) != e.Number {
			return o, config.NewError(field, fmt.Sprintf("is the key of epoch %d, not of %d", keyed.Epoch(), e.Number), "name that epoch's file, or write its number")
		}
		o.Derivers = append(o.Derivers, keyed)
	}
	for _, t := range c.Identities {
		o.Tables = append(o.Tables, identityTable(&t))
	}
	return o, nil
}

func identityTable(t *config.Identity) patients.Table {
	out := patients.Table{Name: t.Table, Where: conditions(t.Where), Weak: patients.Weak(t.Weak)}
	for _, i := range t.Identifiers {
		out.Identifiers = append(out.Identifiers, patients.Identifier{Column: i.Column, System: i.System, Where: conditions(i.Where)})
	}
	return out
}

func conditions(all []config.Where) (out []patients.Where) {
	for _, w := range all {
		out = append(out, patients.Where(w))
	}
	return out
}
