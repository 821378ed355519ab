package recordlog

// cache keeps at least the last limit/2 and at most limit values used: two
// generations, of which the older is dropped when the younger is half full. It
// is not safe for concurrent use.
type cache[K comparable, V any] struct {
	limit      int
	young, old map[K]V
}

func newCache[K comparable, V any](limit int) cache[K, V] {
	return cache[K, V]{limit: limit, young: map[K]V{}, old: map[K]V{}}
}

func (c *cache[K, V]) get(key K) (V, bool) {
	if v, ok := c.young[key]; ok {
		return v, true
	}
	v, ok := c.old[key]
	if ok {
		c.put(key, v)
	}
	return v, ok
}

func (c *cache[K, V]) put(key K, value V) {
	if len(c.young) >= c.limit/2 {
		c.old, c.young = c.young, map[K]V{}
	}
	c.young[key] = value
}
