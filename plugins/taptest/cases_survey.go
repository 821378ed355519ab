package taptest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// sampleRows is how many rows of each table the kit has a survey read.
const sampleRows = 5

// survey: a survey works before Open and beside an open tap, finds nothing to
// refuse where Open refuses nothing, and fails wherever Open refuses.
func survey(ctx context.Context, k *kit) (err error) {
	t, config, err := k.make(ctx)
	if err != nil {
		return err
	}
	if !t.Describe().Survey {
		return errors.Join(skipped("the tap serves no surveys"), t.Close())
	}
	s := &session{kit: k, tap: t}
	defer func() { err = errors.Join(err, s.end()) }()
	if _, err := k.insertMarker(ctx); err != nil { // a row to read
		return err
	}
	if err := k.goodSurvey(ctx, t, config); err != nil {
		return fmt.Errorf("before Open: %w", err)
	}
	if err := t.Open(ctx, config); err != nil {
		return fmt.Errorf("open after a survey: %w", k.heardError(err))
	}
	s.start(ctx, nil)
	if err := s.awaitNow(ctx); err != nil {
		return err
	}
	if err := k.goodSurvey(ctx, t, config); err != nil {
		return fmt.Errorf("beside an open tap: %w", err)
	}
	if err := k.streamsOn(ctx, s); err != nil {
		return fmt.Errorf("stream after a survey: %w", err)
	}
	return k.badSurveys(ctx)
}

// streamsOn demands that the stream goes on, of a tap that delivers changes.
func (k *kit) streamsOn(ctx context.Context, s *session) error {
	if k.Assurance == tap.ScanOnly {
		return nil
	}
	_, err := s.mark(ctx)
	return err
}

// goodSurvey demands that a survey refuses nothing, and lists the tables.
func (k *kit) goodSurvey(ctx context.Context, t tap.Tap, config tap.Config) error {
	found, err := k.survey(ctx, t, config)
	if err != nil {
		return err
	}
	for _, c := range found.Checks {
		if c.State == tap.CheckFail {
			return fmt.Errorf("the check of %s fails with the good configuration: %s", c.Thing, c.Reason)
		}
	}
	var names []string
	for _, table := range found.Tables {
		names = append(names, table.Name)
	}
	slices.Sort(names)
	if want := slices.Sorted(slices.Values(config.Tables)); !slices.Equal(names, want) {
		return fmt.Errorf("the tables %v are surveyed, %v are configured", names, want)
	}
	if err := k.sampled(found); err != nil {
		return err
	}
	config.Tables = nil
	if found, err = k.survey(ctx, t, config); err != nil {
		return fmt.Errorf("of all tables: %w", err)
	}
	return k.sampled(found)
}

// sampled demands that rows of the kit's table were read.
func (k *kit) sampled(found tap.Survey) error {
	at := slices.IndexFunc(found.Tables, func(t tap.SurveyedTable) bool { return t.Name == k.Table })
	if at < 0 {
		return fmt.Errorf("table %s is not surveyed", k.Table)
	}
	switch t := found.Tables[at]; {
	case t.Refused != "":
		return fmt.Errorf("table %s is refused: %s", k.Table, t.Refused)
	case t.Sample == nil || t.Sample.Rows == 0 || t.Sample.Rows > sampleRows || t.Sample.Bytes == 0:
		return fmt.Errorf("of table %s, which has rows, %d were to be read at most and some at least", k.Table, sampleRows)
	case t.Sample.Problem != "":
		return fmt.Errorf("rows of table %s cannot be read: %s", k.Table, t.Sample.Problem)
	}
	return nil
}

// badSurveys demands a check that fails for each mistake that Open refuses.
func (k *kit) badSurveys(ctx context.Context) error {
	mistakes, err := k.mistakes(ctx)
	if err != nil {
		return err
	}
	for _, mistake := range mistakes {
		if len(mistake.Config.Tables) == 0 {
			continue // which here means all
		}
		if err := k.surveyFails(ctx, mistake); err != nil {
			return err
		}
	}
	return nil
}

func (k *kit) surveyFails(ctx context.Context, mistake BadConfig) (err error) {
	t, _, err := k.make(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	found, err := k.survey(ctx, t, mistake.Config)
	if err != nil {
		return fmt.Errorf("with a mistake (%s): %w", mistake.Name, err)
	}
	for _, c := range found.Checks {
		if c.State != tap.CheckFail {
			continue
		}
		if p := c.Problem(); p.Thing == "" || p.Reason == "" || p.Mend == "" {
			return fmt.Errorf("survey with a mistake (%s): a check that fails lacks thing, reason or mend", mistake.Name)
		}
		return nil
	}
	return fmt.Errorf("survey with a mistake (%s): no check fails", mistake.Name)
}

func (k *kit) survey(ctx context.Context, t tap.Tap, config tap.Config) (tap.Survey, error) {
	surveyor, ok := t.(tap.Surveyor)
	if !ok {
		return tap.Survey{}, errors.New("the tap describes surveys and has no such call")
	}
	found, err := surveyor.Survey(ctx, tap.SurveyRequest{Config: config, SampleRows: sampleRows})
	if err != nil {
		return found, fmt.Errorf("survey: %w", k.heardError(err))
	}
	for _, c := range found.Checks {
		k.heard(append(c.SQL, c.Thing, c.Found, c.Reason, c.Mend)...)
	}
	for _, table := range found.Tables {
		k.heard(append(append(table.SQL, table.Notes...), table.Refused)...)
		if table.Sample != nil {
			k.heard(table.Sample.Problem)
		}
	}
	for _, f := range found.Facts {
		k.heard(f.Name, f.Value)
	}
	return found, nil
}
