package recordlog

// Get returns a named state; nil if it is absent.
func (l *Log) Get(name string) ([]byte, error) { return l.get(namedKey(name)) }

// Each calls fn for every named state whose name has a prefix, in the order of
// the names, as they stand when it is called. The value is fn's to keep.
func (l *Log) Each(prefix string, fn func(name string, value []byte) error) error {
	return l.each(namedKey(prefix), func(key, value []byte) error {
		return fn(string(key[1:]), append([]byte{}, value...))
	})
}
