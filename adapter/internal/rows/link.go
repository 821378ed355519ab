package rows

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
)

// Links between owners, each way: u64 ‖ u64 after the prefix. An owner is linked
// to the one under which its versions would have been committed, had all been
// known: that of a row whose patient was not known to that of the patient, that
// of rows which waited for another row to that of this row.
const (
	linkPrefix   = "owner/link/"   // from ‖ to
	linkedPrefix = "owner/linked/" // to ‖ from
	// movedPrefix: rows below one that went from one owner to another have their
	// latest versions under the former still.
	movedPrefix = "owner/moved/" // to ‖ from
)

func linkName(prefix string, a, b uint64) string {
	name := binary.BigEndian.AppendUint64([]byte(prefix), a)
	return string(binary.BigEndian.AppendUint64(name, b))
}

// link records that what is owner from's turned out to be owner to's.
func link(b *recordlog.Batch, from, to uint64) error {
	name := linkName(linkPrefix, from, to)
	held, err := b.Get(name)
	if err != nil || held != nil {
		return err
	}
	b.Set(name, []byte{indexFormat})
	b.Set(linkName(linkedPrefix, to, from), []byte{indexFormat})
	return nil
}

// moved records that rows under the key of one owner may be another's by now.
func moved(b *recordlog.Batch, to, from uint64) error {
	if from == 0 || to == from {
		return nil
	}
	name := linkName(movedPrefix, to, from)
	held, err := b.Get(name)
	if err == nil && held == nil {
		b.Set(name, []byte{indexFormat})
	}
	return err
}

// Moved returns an owner and every owner under whose key there may be rows that are
// the first one's by now, since a row on their path went to them.
func Moved(log Names, owner uint64) ([]uint64, error) { return walk(log, movedPrefix, owner) }

// Names reads named state.
type Names interface {
	Each(prefix string, fn func(name string, value []byte) error) error
}

// Linked returns an owner and every owner that is linked to it, also by way of
// others: whoever destroys a patient's key must destroy them all.
func Linked(log Names, owner uint64) ([]uint64, error) { return walk(log, linkedPrefix, owner) }

// Found returns an owner and every owner that it is linked to, also by way of
// others: whose its versions turned out to be is among them.
func Found(log Names, owner uint64) ([]uint64, error) { return walk(log, linkPrefix, owner) }

var errLink = errors.New("a link between owner keys is malformed")

// walk returns all owners that are reached from one, itself first, each once.
func walk(log Names, prefix string, owner uint64) ([]uint64, error) {
	reached := []uint64{owner}
	seen := map[uint64]bool{owner: true}
	for i := 0; i < len(reached); i++ {
		from := string(binary.BigEndian.AppendUint64([]byte(prefix), reached[i]))
		err := log.Each(from, func(name string, value []byte) error {
			if len(name) != len(from)+8 || len(value) != 1 || value[0] != indexFormat {
				return errLink
			}
			if next := binary.BigEndian.Uint64([]byte(name[len(from):])); !seen[next] {
				seen[next] = true
				reached = append(reached, next)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read links of owner %d: %w", owner, err)
		}
	}
	return reached, nil
}
