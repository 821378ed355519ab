package sqlite

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// positionVersion is the version of the Position's form.
const positionVersion = 1

// position is where the stream stands: after the outbox row ID. Token is that
// row's token in hex; empty if the row is gone, and then the next row must be
// ID+1. Marks tell the triggers and the shape of each table as they stood, so
// that a change while nobody looked is noticed.
type position struct {
	Version int             `json:"v"`
	ID      int64           `json:"id"`
	Token   string          `json:"token,omitempty"`
	Outbox  string          `json:"outbox,omitempty"` // mark of a sound outbox; empty if it is not
	Marks   map[string]mark `json:"tables"`
}

// mark is the digests, in short, of a table's shape and of its triggers. An
// empty Triggers means that they do not record every change.
type mark struct {
	Shape    string `json:"s"`
	Triggers string `json:"t,omitempty"`
}

func (p position) encode() (tap.Position, error) {
	p.Version = positionVersion
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write position: %w", err)
	}
	return b, nil
}

func parsePosition(b tap.Position) (position, error) {
	var p position
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil || d.InputOffset() != int64(len(b)) || p.Version != positionVersion || p.ID < 0 {
		return p, fmt.Errorf("%w: not a position of the sqlite tap", tap.ErrPosition)
	}
	return p, nil
}
