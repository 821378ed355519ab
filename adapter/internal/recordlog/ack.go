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
const (
	ackName = "ACK"
	ackSize = 8 + 8 + merkle.HashSize + 4 // batch, size, root, CRC
)

func ackPath(dir string) string { return filepath.Join(dir, ackName) }

func appendAck(b []byte, seed uint32, s *state) []byte {
	b = binary.BigEndian.AppendUint64(b, s.batch)
	b = binary.BigEndian.AppendUint64(b, s.size)
	b = append(b, s.root[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Update(seed, castagnoli, b))
}

func (l *Log) writeAck(s *state) error {
	if _, err := l.ack.WriteAt(appendAck(nil, l.seed, s), 0); err != nil {
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
	b := make([]byte, ackSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, &CorruptError{File: path, Offset: 0, Reason: "file cannot be read", Err: err}
	}
	s := &state{batch: binary.BigEndian.Uint64(b), size: binary.BigEndian.Uint64(b[8:])}
	copy(s.root[:], b[16:])
	if string(appendAck(nil, l.seed, s)) != string(b) {
		return nil, &CorruptError{File: path, Offset: 0, Reason: "checksum does not match"}
	}
	return s, nil
}

// checkAck compares the state of the index with the batch last acknowledged.
func (l *Log) checkAck(ack, s *state) error {
	switch {
	case s.batch < ack.batch:
		return &CorruptError{File: l.index.path, Offset: -1,
			Reason: fmt.Sprintf("index ends at batch %d, batch %d was acknowledged", s.batch, ack.batch)}
	case s.batch == ack.batch && (s.size != ack.size || s.root != ack.root):
		return &CorruptError{File: l.index.path, Offset: -1,
			Reason: "size or root is not that of the batch acknowledged"}
	case s.size < ack.size:
		return &CorruptError{File: l.index.path, Offset: -1, Reason: "log is shorter than was acknowledged"}
	}
	return nil
}
