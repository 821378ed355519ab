package tap_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// surveying is a scripted tap that serves surveys.
type surveying struct {
	scripted
	survey func(context.Context, tap.SurveyRequest) (tap.Survey, error)
}

func (s *surveying) Describe() tap.Description {
	d := s.scripted.Describe()
	d.Survey = true
	return d
}

func (s *surveying) Survey(ctx context.Context, q tap.SurveyRequest) (tap.Survey, error) {
	return s.survey(ctx, q)
}

func checkOf(t *rapid.T) tap.Check {
	text := rapid.StringN(0, 30, -1)
	c := tap.Check{Thing: rapid.StringN(1, 20, -1).Draw(t, "thing"), State: tap.CheckState(rapid.IntRange(1, 4).Draw(t, "state")),
		Found: text.Draw(t, "found"), Reason: rapid.StringN(1, 30, -1).Draw(t, "reason"), Mend: rapid.StringN(1, 30, -1).Draw(t, "mend")}
	for range rapid.IntRange(0, 2).Draw(t, "statements") {
		c.SQL = append(c.SQL, text.Draw(t, "sql"))
	}
	return c
}

func surveyOf(t *rapid.T) tap.Survey {
	var s tap.Survey
	for range rapid.IntRange(0, 4).Draw(t, "checks") {
		s.Checks = append(s.Checks, checkOf(t))
	}
	for range rapid.IntRange(0, 3).Draw(t, "tables") {
		table := tap.SurveyedTable{Table: *tableOf(t), Engine: rapid.String().Draw(t, "engine"), Bytes: rapid.Uint64().Draw(t, "bytes")}
		table.EstimatedRows = rapid.Uint64().Draw(t, "rows")
		if rapid.Bool().Draw(t, "sampled") {
			table.Sample = &tap.Sample{Rows: rapid.Uint64().Draw(t, "read"), Bytes: rapid.Uint64().Draw(t, "canonical"),
				Took: time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "took")) * time.Microsecond, Problem: rapid.String().Draw(t, "problem")}
		}
		s.Tables = append(s.Tables, table)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "facts") {
		s.Facts = append(s.Facts, tap.Fact{Name: fmt.Sprint("fact", i), Value: rapid.String().Draw(t, "value")})
	}
	return s
}

func TestSurveysSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := surveyOf(t)
		asked := tap.SurveyRequest{Config: tap.Config{Settings: []byte(`{"a":1}`), Tables: []string{"emr.*"}},
			SampleRows: rapid.IntRange(0, 1<<20).Draw(t, "sample")}
		var got tap.SurveyRequest
		v := serve(t, &surveying{survey: func(_ context.Context, q tap.SurveyRequest) (tap.Survey, error) {
			got = q
			return want, nil
		}})
		found, err := v.client.Survey(context.Background(), asked)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]any{want, asked}, []any{found, got}); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestSurveyIsServedBesideAnotherSession: whoever may use the socket may ask
// how the source is, while the sidecar streams from it.
func TestSurveyIsServedBesideAnotherSession(t *testing.T) {
	v := opened(t, &surveying{survey: func(context.Context, tap.SurveyRequest) (tap.Survey, error) {
		return tap.Survey{Facts: []tap.Fact{{Name: "here", Value: "I am"}}}, nil
	}})
	conn := dial(t, v.socket)
	other, err := tap.NewClient(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	found, err := other.Survey(t.Context(), tap.SurveyRequest{})
	if err != nil || len(found.Facts) != 1 {
		t.Errorf("survey = %v, %v", found, err)
	}
	if err := other.Open(t.Context(), tap.Config{}); err == nil {
		t.Error("the other connection could open the tap as well")
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if _, err := v.client.Survey(t.Context(), tap.SurveyRequest{}); err != nil {
		t.Errorf("the session ended with the other connection: %v", err)
	}
}

func TestTapWithoutSurveysSaysSo(t *testing.T) {
	if _, err := serve(t, &scripted{}).client.Survey(t.Context(), tap.SurveyRequest{}); !errors.Is(err, tap.ErrNotServed) {
		t.Errorf("survey = %v, want ErrNotServed", err)
	}
}

func TestSurveyThatDoesNotSayWhatToDoBreaksTheContract(t *testing.T) {
	for name, check := range map[string]tap.Check{
		"no thing":  {State: tap.CheckOK},
		"no state":  {Thing: "grant"},
		"no reason": {Thing: "grant", State: tap.CheckWarn, Mend: "GRANT it"},
		"no mend":   {Thing: "grant", State: tap.CheckFail, Reason: "it is missing"},
	} {
		v := serve(t, &surveying{survey: func(context.Context, tap.SurveyRequest) (tap.Survey, error) {
			return tap.Survey{Checks: []tap.Check{check}}, nil
		}})
		var contract *tap.ContractError
		if _, err := v.client.Survey(t.Context(), tap.SurveyRequest{}); !errors.As(err, &contract) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckIsAProblemOfOpen(t *testing.T) {
	c := tap.Check{Thing: "variable x", Found: "OFF", Reason: "it is off", SQL: []string{"SET a", "SET b"}, Mend: "and in my.cnf"}
	want := tap.Problem{Thing: "variable x (OFF)", Reason: "it is off", Mend: "SET a; SET b (and in my.cnf)"}
	if diff := cmp.Diff(want, c.Problem()); diff != "" {
		t.Error(diff)
	}
	if text := tap.CheckUnknown.String() + tap.CheckState(9).String(); !strings.HasPrefix(text, "unknownCheckState(9)") {
		t.Error(text)
	}
}
