package recordlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// The file ACK names the last batch that was acknowledged. It is written in
// place after the index batch is durable and is not synced on the way, so it
// may lag behind after a power cut but never runs ahead. By it, Open tells the
// torn end that a crash leaves in a journal of the index from a lost batch.
//
// It has two slots, a disk sector each, which batches use in turn: a torn write
// spoils one of them, and the other still names the batch before.
const (
	ackName   = "ACK"
	ackSlots  = 2
	ackSector = 512
	ackSize   = 8 + 8 + merkle.HashSize + 4 // batch, size, root, CRC
)

func ackPath(dir string) string { return filepath.Join(dir, ackName) }

func appendAck(b []byte, seed uint32, s *state) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint64(b, s.batch)
	b = binary.BigEndian.AppendUint64(b, s.size)
	b = append(b, s.root[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Update(seed, castagnoli, b[start:]))
}

// newAck returns the content of the file of an empty log: both slots name it.
func newAck(seed uint32, empty *state) []byte {
	b := make([]byte, ackSlots*ackSector)
	for slot := range ackSlots {
		copy(b[slot*ackSector:], appendAck(nil, seed, empty))
	}
	return b
}

func (l *Log) writeAck(s *state) error {
	slot := int64(s.batch % ackSlots)
	if _, err := l.ack.WriteAt(appendAck(nil, l.seed, s), slot*ackSector); err != nil {
		return fmt.Errorf("write acknowledged batch: %w", err)
	}
	return nil
}

// readAck opens the file and returns the batch, size and root that it names.
func (l *Log) readAck() (*state, error) {
	path := ackPath(l.dir)
	flag := os.O_RDWR
	if l.options.ReadOnly {
		flag = os.O_RDONLY
	}
	f, err := l.disk.open(path, flag)
	if err != nil {
		return nil, &CorruptError{File: path, Offset: -1, Reason: "file cannot be opened", Err: err}
	}
	l.ack = f
	b := make([]byte, ackSlots*ackSector)
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, &CorruptError{File: path, Offset: 0, Reason: "file cannot be read", Err: err}
	}
	var newest *state
	for slot := range ackSlots {
		s := l.parseAck(b[slot*ackSector:])
		if s == nil {
			l.options.Logger.Warn().Str("file", path).Int("offset", slot*ackSector).Msg("record log slot damaged")
		} else if newest == nil || s.batch > newest.batch {
			newest = s
		}
	}
	if newest == nil {
		return nil, &CorruptError{File: path, Offset: 0, Reason: "neither checksum matches"}
	}
	return newest, nil
}

// parseAck returns nil if the slot's checksum does not match.
func (l *Log) parseAck(b []byte) *state {
	s := &state{batch: binary.BigEndian.Uint64(b), size: binary.BigEndian.Uint64(b[8:])}
	copy(s.root[:], b[16:])
	if string(appendAck(nil, l.seed, s)) != string(b[:ackSize]) {
		return nil
	}
	return s
}

// checkAck compares the state of the index with the batch last acknowledged.
func (l *Log) checkAck(ack, s *state) error {
	reason := ""
	switch {
	case s.batch < ack.batch:
		reason = fmt.Sprintf("index ends at batch %d, batch %d was acknowledged", s.batch, ack.batch)
	case s.size < ack.size:
		reason = fmt.Sprintf("index has %d leaves, %d were acknowledged", s.size, ack.size)
	case s.batch == ack.batch && (s.size != ack.size || s.root != ack.root):
		reason = "size or root is not that of the batch acknowledged"
	default:
		return nil
	}
	return &CorruptError{File: l.index.path, Offset: -1, Reason: reason}
}
