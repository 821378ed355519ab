package tap

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/emrbchain/emrbchain/plugins/internal/wire"
	tapv1 "github.com/emrbchain/emrbchain/plugins/tap/v1"
)

// Survey implements Surveyor; the error is ErrNotServed if the tap is none.
func (c *Client) Survey(ctx context.Context, q SurveyRequest) (Survey, error) {
	if !c.description.Survey {
		return Survey{}, fmt.Errorf("survey: %w", ErrNotServed)
	}
	if q.SampleRows < 0 || q.SampleRows > math.MaxInt32 {
		return Survey{}, fmt.Errorf("survey: sample of %d rows is not 0 or above", q.SampleRows)
	}
	in, err := c.rpc.Survey(ctx, &tapv1.SurveyRequest{Settings: q.Config.Settings, Tables: q.Config.Tables,
		SampleRows: uint32(q.SampleRows)})
	if err != nil {
		return Survey{}, c.fail(ctx, err)
	}
	out, err := surveyFromWire(in)
	if err != nil {
		return Survey{}, err
	}
	return out, checkSurvey(&out)
}

// Survey needs no session: it may come from another connection than the one
// that opened the tap.
func (s *server) Survey(ctx context.Context, in *tapv1.SurveyRequest) (*tapv1.SurveyResponse, error) {
	surveyor, ok := s.tap.(Surveyor)
	if !ok {
		return nil, fail(ctx, fmt.Errorf("survey: %w", ErrNotServed))
	}
	found, err := surveyor.Survey(ctx, SurveyRequest{Config: Config{Settings: json.RawMessage(in.Settings), Tables: in.Tables},
		SampleRows: int(in.SampleRows)})
	if err == nil {
		err = checkSurvey(&found)
	}
	if err != nil {
		return nil, fail(ctx, err)
	}
	out, err := surveyToWire(&found)
	return out, fail(ctx, err)
}

func surveyToWire(s *Survey) (*tapv1.SurveyResponse, error) {
	out := &tapv1.SurveyResponse{}
	for i := range s.Checks {
		c := &s.Checks[i]
		out.Checks = append(out.Checks, &tapv1.Check{Thing: wire.Text(c.Thing), State: tapv1.CheckState(c.State),
			Found: wire.Text(c.Found), Reason: wire.Text(c.Reason), Sql: texts(c.SQL), Mend: wire.Text(c.Mend)})
	}
	for i := range s.Tables {
		t := &s.Tables[i]
		table, err := tableToWire(&t.Table)
		if err != nil {
			return nil, err
		}
		wired := &tapv1.SurveyedTable{Table: table, Engine: wire.Text(t.Engine), Bytes: t.Bytes, Sql: texts(t.SQL)}
		if sample := t.Sample; sample != nil {
			wired.Sample = &tapv1.Sample{Rows: sample.Rows, Bytes: sample.Bytes, TookUs: sample.Took.Microseconds(),
				Problem: wire.Text(sample.Problem)}
		}
		out.Tables = append(out.Tables, wired)
	}
	for _, f := range s.Facts {
		out.Facts = append(out.Facts, &tapv1.Fact{Name: wire.Text(f.Name), Value: wire.Text(f.Value)})
	}
	return out, nil
}

func texts(list []string) []string {
	var out []string
	for _, text := range list {
		out = append(out, wire.Text(text))
	}
	return out
}

func surveyFromWire(in *tapv1.SurveyResponse) (Survey, error) {
	var out Survey
	for _, c := range in.Checks {
		out.Checks = append(out.Checks, Check{Thing: c.GetThing(), State: CheckState(min(max(c.GetState(), 0), 0xff)),
			Found: c.GetFound(), Reason: c.GetReason(), SQL: c.GetSql(), Mend: c.GetMend()})
	}
	for _, t := range in.Tables {
		table, err := tableFromWire(t.GetTable())
		if err != nil {
			return out, err
		}
		surveyed := SurveyedTable{Table: *table, Engine: t.GetEngine(), Bytes: t.GetBytes(), SQL: t.GetSql()}
		if sample := t.GetSample(); sample != nil {
			surveyed.Sample = &Sample{Rows: sample.Rows, Bytes: sample.Bytes,
				Took: time.Duration(sample.TookUs) * time.Microsecond, Problem: sample.Problem}
		}
		out.Tables = append(out.Tables, surveyed)
	}
	for _, f := range in.Facts {
		out.Facts = append(out.Facts, Fact{Name: f.GetName(), Value: f.GetValue()})
	}
	return out, nil
}
