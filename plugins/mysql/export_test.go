package mysql

import (
	"context"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// CoveredTypes returns the data types of TYPES.md, in capitals.
func CoveredTypes() []string {
	var names []string
	for _, rule := range typeRules() {
		names = append(names, strings.Fields(strings.ToUpper(rule.types))...)
	}
	return names
}

// SurveyAt is a survey by another clock.
func SurveyAt(ctx context.Context, config tap.Config, now func() time.Time) (tap.Survey, error) {
	s, err := readSettings(config.Settings)
	if err != nil {
		return tap.Survey{}, err
	}
	c := &inspection{settings: s, connections: connections, now: now}
	defer c.close()
	return c.survey(ctx, tap.SurveyRequest{Config: config})
}
