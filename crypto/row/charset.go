package row

import "github.com/emrbchain/emrbchain/crypto/dcbor"

// A Charset makes the values of one character set. Whoever makes many keeps one,
// which saves finding the set by its name.
type Charset struct{ text, enum, enumError, set kind }

// NewCharset returns the character set of that name: lower case ASCII, such as
// "utf8" or "gbk". Sets that agree on every byte string share one name: utf8mb3
// and utf8mb4 are both "utf8".
func NewCharset(name string) *Charset {
	return &Charset{text: kind{typ: Text, charset: name}, enum: kind{typ: Enum, charset: name},
		enumError: kind{typ: Enum, charset: name, null: true}, set: kind{typ: Set, charset: name}}
}

// Name returns the name of the character set.
func (c *Charset) Name() string { return c.text.charset }

// Text returns characters as the column stores them, by their raw bytes.
func (c *Charset) Text(b []byte) Value { return Value{kind: &c.text, data: share(b)} }

// Enum returns an enumeration value by its label.
func (c *Charset) Enum(label []byte) Value { return Value{kind: &c.enum, data: share(label)} }

// EnumError returns the error value of an enumeration (MySQL's index 0), which is
// not the empty label.
func (c *Charset) EnumError() Value { return Value{kind: &c.enumError} }

// Set returns a set from its labels in the order of the column's definition.
func (c *Charset) Set(labels [][]byte) Value {
	b := dcbor.AppendArray(nil, len(labels))
	for _, label := range labels {
		b = dcbor.AppendBytes(b, label)
	}
	return Value{kind: &c.set, data: share(b)}
}

// NewText is the Text of the character set of that name.
func NewText(charset string, b []byte) Value { return charsetOf(charset).Text(b) }

// NewEnum is the Enum of the character set of that name.
func NewEnum(charset string, label []byte) Value { return charsetOf(charset).Enum(label) }

// NewEnumError is the EnumError of the character set of that name.
func NewEnumError(charset string) Value { return charsetOf(charset).EnumError() }

// NewSet is the Set of the character set of that name.
func NewSet(charset string, labels [][]byte) Value { return charsetOf(charset).Set(labels) }

// Charset returns the character set of a Text, Enum or Set value, "" for any other.
func (v Value) Charset() string {
	if v.kind == nil {
		return ""
	}
	return v.kind.charset
}

// The usual character sets, so that values of them need no memory of their own.
var utf8, latin1, ascii, gbk = NewCharset("utf8"), NewCharset("latin1"), NewCharset("ascii"), NewCharset("gbk")

// charsetOf finds a character set by its name.
func charsetOf[T string | []byte](name T) *Charset {
	switch string(name) {
	case "utf8":
		return utf8
	case "latin1":
		return latin1
	case "ascii":
		return ascii
	case "gbk":
		return gbk
	}
	return NewCharset(string(name))
}
