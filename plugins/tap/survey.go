package tap

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Surveyor is a Tap that can tell, before it is let near the source, what it
// needs there and what it would meet: for the person who owns the database.
// The call is optional; Description.Survey says that a tap serves it.
type Surveyor interface {
	// Survey looks at the source and changes nothing. It needs no Open, and may
	// run beside an open tap, on connections of its own. What is wrong with the
	// settings, the connection or the source is a Check that fails, of which
	// each is what Open would refuse, and none other; its error means that the
	// survey itself broke off.
	Survey(ctx context.Context, request SurveyRequest) (Survey, error)
}

// SurveyRequest says what to look at.
type SurveyRequest struct {
	// Config is as for Open, but that no tables means all that the account may
	// see, and that a name may be a pattern of the tap's own, such as "emr.*".
	Config Config
	// SampleRows is how many rows of each table to read, as Scan would, to show
	// that they can be read; 0 reads none.
	SampleRows int
}

// Survey is what was found. No text in it holds a row value, a key or a password.
type Survey struct {
	Checks []Check
	Tables []SurveyedTable
	Facts  []Fact
}

// CheckState says how something is.
type CheckState uint8

// The states of a check.
const (
	CheckOK      CheckState = 1
	CheckWarn    CheckState = 2 // the tap works, and something is worse than it could be
	CheckFail    CheckState = 3 // the tap cannot work: Open refuses it
	CheckUnknown CheckState = 4 // the tap's account may not see it
)

// String returns ok, warn, fail or unknown.
func (s CheckState) String() string {
	if s < CheckOK || s > CheckUnknown {
		return fmt.Sprintf("CheckState(%d)", uint8(s))
	}
	return [...]string{"ok", "warn", "fail", "unknown"}[s-1]
}

// Check is one thing that was looked at.
type Check struct {
	Thing string // what is concerned: a setting, a variable, a grant
	State CheckState
	Found string // what is there
	// Reason says why that is not as it should be, or cannot be known; empty if
	// it is ok.
	Reason string
	// SQL mends it: statements for an administrator of the source to run as
	// they stand, in this order.
	SQL []string
	// Mend says what to do where no SQL does it, or beside it.
	Mend string
}

// Problem is the check as Open refuses it.
func (c *Check) Problem() Problem {
	p := Problem{Thing: c.Thing, Reason: c.Reason, Mend: c.Mend}
	if c.Found != "" {
		p.Thing += " (" + c.Found + ")"
	}
	if len(c.SQL) > 0 {
		p.Mend = strings.Join(c.SQL, "; ")
		if c.Mend != "" {
			p.Mend += " (" + c.Mend + ")"
		}
	}
	return p
}

// SurveyedTable is a table, whether it is covered, and what reading it takes.
type SurveyedTable struct {
	Table
	Engine string // how the source stores it; empty if it has only one way
	Bytes  uint64 // that it takes in the source; 0 if unknown
	// SQL would make a refused table one that can be covered.
	SQL    []string
	Sample *Sample // nil if none was read
}

// Sample is what came of reading some rows of a table.
type Sample struct {
	Rows    uint64
	Bytes   uint64 // of their canonical form
	Took    time.Duration
	Problem string // why it broke off; empty if it did not
}

// Fact is something worth knowing that is neither good nor bad.
type Fact struct {
	Name, Value string
}

// checkSurvey says what is wrong with a survey that came over the wire.
func checkSurvey(s *Survey) error {
	for i := range s.Checks {
		c := &s.Checks[i]
		switch {
		case c.Thing == "" || c.State < CheckOK || c.State > CheckUnknown:
			return broken("survey", "a check has no thing or no known state")
		case c.State != CheckOK && c.Reason == "":
			return broken("survey", "the check of "+c.Thing+" does not say why")
		case c.State == CheckFail && c.Mend == "" && len(c.SQL) == 0:
			return broken("survey", "the check of "+c.Thing+" fails and does not say what to do")
		}
	}
	for i := range s.Tables {
		if err := CheckTable(&s.Tables[i].Table); err != nil {
			return broken("survey", err.Error())
		}
	}
	return nil
}
