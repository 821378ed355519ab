package recordlog

import (
	"encoding/binary"
	"io"

	"github.com/syndtr/goleveldb/leveldb/util"
)

// goleveldb's journals (and its manifest, which has the same form) are blocks
// of 32 KiB of chunks: u32 masked CRC, u16 length, u8 type, payload. A record
// is one full chunk, or a first, middles and a last. Opened strictly, goleveldb
// refuses a journal whose last record a crash has torn; opened loosely, it
// skips damaged records in silence. So the end is looked at before.
const (
	journalBlock = 32 << 10
	chunkHead    = 7

	chunkFull  = 1
	chunkFirst = 2
	chunkLast  = 4
)

// journalEnd is how a journal ends.
type journalEnd struct {
	good int64 // end of the last record that is whole
	size int64
	// later says that a record starts beyond the first damage: what is damaged
	// is not the journal's torn end.
	later bool
}

// torn reports whether there are bytes beyond the last whole record.
func (e journalEnd) torn() bool { return e.good < e.size }

// chunk is one chunk that was read whole.
type chunk struct {
	kind    byte
	payload []byte
}

// parseChunk reads the chunk at the start of b, which ends with its block.
func parseChunk(b []byte) (chunk, bool) {
	if len(b) < chunkHead {
		return chunk{}, false
	}
	end := chunkHead + int(binary.LittleEndian.Uint16(b[4:]))
	kind := b[6]
	if kind < chunkFull || kind > chunkLast || end > len(b) {
		return chunk{}, false
	}
	if util.NewCRC(b[6:end]).Value() != binary.LittleEndian.Uint32(b) {
		return chunk{}, false
	}
	return chunk{kind: kind, payload: b[chunkHead:end]}, true
}

// scanJournal reads a journal up to its first damage, calling fn with each
// whole record, and looks whether a record starts after it.
func scanJournal(r io.Reader, fn func(record []byte) error) (journalEnd, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return journalEnd{}, err
	}
	end := journalEnd{size: int64(len(b))}
	var record []byte
	inside := false
	for at := 0; at < len(b); {
		block := b[at:min(len(b), (at/journalBlock+1)*journalBlock)]
		if len(block) < chunkHead && at+len(block) < len(b) {
			at += len(block) // the unused end of a block
			continue
		}
		c, ok := parseChunk(block)
		starts := c.kind == chunkFull || c.kind == chunkFirst
		if !ok || starts == inside {
			end.later = startsLater(b[at+1:], at+1)
			return end, nil
		}
		if starts {
			record = record[:0]
		}
		record = append(record, c.payload...)
		at += chunkHead + len(c.payload)
		inside = c.kind != chunkFull && c.kind != chunkLast
		if inside {
			continue
		}
		end.good = trimBlock(b, at)
		if err := fn(record); err != nil {
			return end, err
		}
	}
	return end, nil
}

// trimBlock moves the end of a record over the unused end of its block, if the
// journal goes on to there.
func trimBlock(b []byte, at int) int64 {
	if next := (at + journalBlock - 1) / journalBlock * journalBlock; next-at < chunkHead && next <= len(b) {
		return int64(next)
	}
	return int64(at)
}

// startsLater reports whether a record starts anywhere in b, which begins at
// the given offset of the journal.
func startsLater(b []byte, offset int) bool {
	for i := range b {
		rest := b[i:min(len(b), i+journalBlock-(offset+i)%journalBlock)]
		if len(rest) < chunkHead {
			continue
		}
		if kind := rest[6]; kind != chunkFull && kind != chunkFirst {
			continue
		}
		if c, ok := parseChunk(rest); ok && len(c.payload) > 0 {
			return true
		}
	}
	return false
}
