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
    "lock_wait": {"type": "string", "default": "5s", "description": "how long a read waits for a writer's lock"},
    "batch": {"type": "integer", "default": 500, "minimum": 1, "maximum": 10000,
      "description": "most outbox rows followed in one read transaction"}
  }
}`

const (
	defaultPoll     = 50 * time.Millisecond
	defaultLockWait = 5 * time.Second
	defaultBatch    = 500
	maxBatch        = 10_000
)

type settings struct {
	Path     string
	Poll     time.Duration
	LockWait time.Duration
	Batch    int
}

func parseSettings(text []byte) (settings, error) {
	raw := struct {
		Path     string `json:"path"`
		Poll     string `json:"poll"`
		LockWait string `json:"lock_wait"`
		Batch    int    `json:"batch"`
	}{Poll: defaultPoll.String(), LockWait: defaultLockWait.String(), Batch: defaultBatch}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&raw); err != nil {
		return settings{}, fmt.Errorf("read settings: %w", err)
	}
	if d.More() {
		return settings{}, errors.New("read settings: one JSON object expected")
	}
	s := settings{Path: raw.Path, Batch: raw.Batch}
	if s.Path == "" {
		return s, errors.New("path is missing: it names the database file")
	}
	if s.Batch < 1 || s.Batch > maxBatch {
		return s, fmt.Errorf("batch must be from 1 to %d", maxBatch)
	}
	var err error
	if s.Poll, err = duration("poll", raw.Poll, time.Hour); err != nil {
		return s, err
	}
	s.LockWait, err = duration("lock_wait", raw.LockWait, time.Minute)
	return s, err
}

func duration(name, text string, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond || d > most {
		return 0, fmt.Errorf("%s must be a duration from 1ms to %s, such as 50ms", name, most)
	}
	return d, nil
}
