package recordlog

const (
	// readAhead is how many bytes a window takes at once when reads follow each
	// other.
	readAhead = 128 << 10
	// nearby is how far behind what a window holds the next read may begin and
	// still follow it.
	nearby = 16 << 10
)

// window holds a part of a stream in memory and moves with what is read, so
// that things which lie together cost one read of the disk.
type window struct {
	stream *stream
	at     int64
	held   []byte
}

// read returns n bytes from a place in the stream, of which end bytes are
// committed. They are valid until the next call.
func (w *window) read(at int64, n int, end int64) ([]byte, error) {
	from := at - w.at
	if from >= 0 && from+int64(n) <= int64(len(w.held)) {
		return w.held[from : from+int64(n)], nil
	}
	size := n
	if from >= 0 && from <= int64(len(w.held))+nearby {
		size = max(n, int(min(readAhead, end-at)))
	}
	if cap(w.held) < size || cap(w.held) > readAhead && size <= readAhead {
		w.held = make([]byte, max(size, readAhead))
	}
	w.at, w.held = at, w.held[:size]
	err := w.stream.readAt(w.held, at)
	if err != nil && size > n {
		w.held = w.held[:n] // what lies ahead is no business of this read
		err = w.stream.readAt(w.held, at)
	}
	if err != nil {
		w.held = w.held[:0]
		return nil, err
	}
	return w.held[:n], nil
}
