package taptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// describe: Describe works before Open and says what the harness expects.
func describe(ctx context.Context, k *kit) (err error) {
	t, config, err := k.make(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	d := t.Describe()
	var schema map[string]any
	switch {
	case d.Name == "" || d.Version == "":
		return errors.New("the description has no name or no version")
	case d.Assurance != k.Assurance:
		return fmt.Errorf("the description promises assurance %d, %d is expected", d.Assurance, k.Assurance)
	case json.Unmarshal(d.Schema, &schema) != nil:
		return errors.New("the description's schema is not a JSON object")
	case !d.Scan && d.Assurance == tap.ScanOnly:
		return errors.New("a tap of assurance scan only must serve scans")
	}
	if err := t.Open(ctx, config); err != nil {
		return fmt.Errorf("open with the good configuration: %w", k.heardError(err))
	}
	if !reflect.DeepEqual(d, t.Describe()) {
		return errors.New("the description changes with Open")
	}
	return nil
}

// goodConfiguration: Open accepts the good configuration, again and again.
func goodConfiguration(ctx context.Context, k *kit) error {
	for range 2 {
		s, err := k.open(ctx)
		if err != nil {
			return err
		}
		if err := s.end(); err != nil {
			return err
		}
	}
	return nil
}

// badConfiguration: each mistake is a SetupError of thing, reason and mend.
func badConfiguration(ctx context.Context, k *kit) error {
	mistakes, err := k.mistakes(ctx)
	if err != nil {
		return err
	}
	for _, mistake := range mistakes {
		if err := k.refuses(ctx, mistake); err != nil {
			return err
		}
	}
	return nil
}

// mistakes are the author's bad configurations and those of every tap.
func (k *kit) mistakes(ctx context.Context) ([]BadConfig, error) {
	mistakes := slices.Clone(k.Bad)
	for _, b := range []string{`{"no_such_setting": true}`, `[]`, `{`} {
		config, err := k.goodConfig(ctx)
		if err != nil {
			return nil, err
		}
		config.Settings = json.RawMessage(b)
		mistakes = append(mistakes, BadConfig{Name: "settings " + b, Config: config})
	}
	return mistakes, nil
}

// goodConfig makes a tap for its configuration only.
func (k *kit) goodConfig(ctx context.Context) (tap.Config, error) {
	t, config, err := k.make(ctx)
	if err != nil {
		return config, err
	}
	return config, t.Close()
}

func (k *kit) refuses(ctx context.Context, mistake BadConfig) (err error) {
	t, _, err := k.make(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	refusal := k.heardError(t.Open(ctx, mistake.Config))
	var setup *tap.SetupError
	if !errors.As(refusal, &setup) || len(setup.Problems) == 0 {
		return fmt.Errorf("open with a mistake (%s) gives %T, a *tap.SetupError with its problems is due", mistake.Name, refusal)
	}
	for _, p := range setup.Problems {
		if p.Thing == "" || p.Reason == "" || p.Mend == "" {
			return fmt.Errorf("open with a mistake (%s): a problem lacks thing, reason or mend", mistake.Name)
		}
	}
	return nil
}

// tables: Tables lists each configured table once, and a table that does not
// exist is refused by Open or there.
func tables(ctx context.Context, k *kit) (err error) {
	t, config, err := k.make(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if err := t.Open(ctx, config); err != nil {
		return fmt.Errorf("open with the good configuration: %w", k.heardError(err))
	}
	listed, err := t.Tables(ctx)
	if err != nil {
		return fmt.Errorf("list tables: %w", k.heardError(err))
	}
	var names []string
	for _, table := range listed {
		k.heard(append(table.Notes, table.Refused)...)
		names = append(names, table.Name)
		if err := tap.CheckTable(&table); err != nil {
			return err
		}
		if table.Name == k.Table && table.Refused != "" {
			return fmt.Errorf("table %s is refused: %s", table.Name, table.Refused)
		}
	}
	slices.Sort(names)
	if want := slices.Sorted(slices.Values(config.Tables)); !slices.Equal(names, want) {
		return fmt.Errorf("the tables %v are listed, %v are configured", names, want)
	}
	return k.missingTable(ctx)
}

const missing = "no_such_table"

func (k *kit) missingTable(ctx context.Context) (err error) {
	t, config, err := k.make(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	config.Tables = append(slices.Clone(config.Tables), missing)
	if refusal := k.heardError(t.Open(ctx, config)); refusal != nil {
		if !errors.As(refusal, new(*tap.SetupError)) {
			return fmt.Errorf("open with a table that does not exist gives %T, a *tap.SetupError is due", refusal)
		}
		return nil
	}
	listed, err := t.Tables(ctx)
	if err != nil {
		return fmt.Errorf("list tables: %w", k.heardError(err))
	}
	for _, table := range listed {
		if table.Name == missing && table.Refused != "" {
			return nil
		}
	}
	return errors.New("a table that does not exist is refused neither by Open nor by Tables")
}
