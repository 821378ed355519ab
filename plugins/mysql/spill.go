package mysql

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A spillFile holds row events outside memory. It has no name, so it is gone
// with the process however that ends, and it is encrypted under a key that only
// this process has, because what was written stays on the disk after that.
type spillFile struct {
	file  *os.File
	block cipher.Block
	out   *bufio.Writer
	size  int64
	head  []byte // reused
}

func newSpillFile(directory string) (*spillFile, error) {
	file, err := os.CreateTemp(directory, "emrbchain-transaction-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	var key [32]byte
	rand.Read(key[:]) // never fails
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	f := &spillFile{file: file, block: block}
	f.out = bufio.NewWriterSize(cipher.StreamWriter{S: f.cipher(), W: file}, 64<<10)
	return f, nil
}

// cipher returns the key stream of the file's bytes from the first on. The key
// is used for this file alone, so it may start from zero.
func (f *spillFile) cipher() cipher.Stream {
	return cipher.NewCTR(f.block, make([]byte, aes.BlockSize))
}

// spilledUnchecked marks the operation of an event that followed no foreign keys.
const spilledUnchecked = 0x80

// write appends an event: the number of its shape, operation, Unix time, and
// the length of its body before it.
func (f *spillFile) write(shape int, r *rowEvent) error {
	f.head = binary.AppendUvarint(f.head[:0], uint64(shape))
	op := byte(r.op)
	if r.unchecked {
		op |= spilledUnchecked
	}
	f.head = append(f.head, op)
	f.head = binary.AppendVarint(f.head, r.time.Unix())
	f.head = binary.AppendUvarint(f.head, uint64(len(r.body)))
	f.size += int64(len(f.head) + len(r.body))
	if _, err := f.out.Write(f.head); err != nil {
		return err
	}
	_, err := f.out.Write(r.body)
	return err
}

func (f *spillFile) flush() error { return f.out.Flush() }

// each calls fn with the events in the order in which they were written.
func (f *spillFile) each(shapes []*shape, fn func(*rowEvent) error) error {
	plain := cipher.StreamReader{S: f.cipher(), R: io.NewSectionReader(f.file, 0, f.size)}
	in := bufio.NewReaderSize(plain, 64<<10)
	for {
		r, err := readEvent(in, shapes)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a large transaction back from its file: %w", err)
		}
		if err := fn(r); err != nil {
			return err
		}
	}
}

// errSpilled says that a file does not hold what was written to it.
var errSpilled = errors.New("the file is damaged")

// readEvent returns io.EOF at the end of the file.
func readEvent(in *bufio.Reader, shapes []*shape) (*rowEvent, error) {
	shape, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, err
	}
	op, err1 := in.ReadByte()
	seconds, err2 := binary.ReadVarint(in)
	length, err3 := binary.ReadUvarint(in)
	if err1 != nil || err2 != nil || err3 != nil || shape >= uint64(len(shapes)) || length > 1<<31 {
		return nil, errSpilled
	}
	r := &rowEvent{shape: shapes[shape], op: tap.Op(op &^ spilledUnchecked), unchecked: op&spilledUnchecked != 0, time: time.Unix(seconds, 0).UTC(), body: make([]byte, length)}
	if _, err := io.ReadFull(in, r.body); err != nil {
		return nil, errSpilled
	}
	return r, nil
}

func (f *spillFile) close() error { return f.file.Close() }
