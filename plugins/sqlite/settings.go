package sqlite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// settingsSchema is the JSON Schema of the tap's settings.
const settingsSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["path"],
  "additionalProperties": false,
  "properties": {
    "path": {"type": "string", "description": "the database file"},
    "poll": {"type": "string", "default": "50ms", "description": "how often to look for commits, such as 50ms or 1s"},
    "batch": {"type": "integer", "default": 500, "minimum": 1, "maximum": 10000,
      "description": "most outbox rows followed in one read transaction"}
  }
}`

const (
	defaultPoll  = 50 * time.Millisecond
	defaultBatch = 500
	maxBatch     = 10_000
)

type settings struct {
	Path  string
	Poll  time.Duration
	Batch int
}

func parseSettings(text []byte) (settings, error) {
	raw := struct {
		Path  string `json:"path"`
		Poll  string `json:"poll"`
		Batch int    `json:"batch"`
	}{Poll: defaultPoll.String(), Batch: defaultBatch}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&raw); err != nil {
		return settings{}, fmt.Errorf("read settings: %w", err)
	}
	s := settings{Path: raw.Path, Batch: raw.Batch}
	var err error
	switch s.Poll, err = time.ParseDuration(raw.Poll); {
	case s.Path == "":
		return s, errors.New("path is missing: it names the database file")
	case err != nil || s.Poll < time.Millisecond || s.Poll > time.Hour:
		return s, errors.New("poll must be a duration from 1ms to 1h, such as 50ms")
	case s.Batch < 1 || s.Batch > maxBatch:
		return s, fmt.Errorf("batch must be from 1 to %d", maxBatch)
	}
	return s, nil
}
