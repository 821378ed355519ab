// Package seal encrypts what one member sends to another: to the recipient's key,
// signed by the sender, in chunks, so that it can be large. It is HPKE (RFC 9180)
// as Go's crypto/hpke has it, with AES-256-GCM, in a form of our own; SPEC.md
// beside this file is the format.
//
//	NewWriter(w, recipient, sender, size, context) → Write … → Close
//	NewReader(r, keyring) → Sender, Context: is it allowed? → Read … → io.EOF
//
// A truncated, reordered, altered or spliced message, another head and another
// recipient are refused. What a Reader has given counts only once it has returned
// io.EOF: the end and the sender's signature come last.
//
// HPKE does not keep a message from being sent again: what a message is about, and
// that it was not seen before, stands in its context and is for the caller to
// check.
package seal

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"crypto/hpke"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// ErrSealed says that what came is not a sealed message, or not the one that its
// sender sent. The wrapping error says the reason.
var ErrSealed = errors.New("sealed message refused")

func refuse(reason string) error { return fmt.Errorf("%w: %s", ErrSealed, reason) }

// A Chunk is how much plaintext is encrypted at once. Messages are filled up to
// whole chunks, so that their length tells little.
type Chunk uint32

// The chunks.
const (
	Short Chunk = 1 << 10  // queries and keys
	Long  Chunk = 64 << 10 // records
)

// MaxContext is the most bytes that a message's context may have.
const MaxContext = 64 << 10

const (
	version    = 1
	headFields = 6
	maxHead    = MaxContext + 256
	tagSize    = 16 // of AES-256-GCM
	padding    = 0x80
)

// Prefixes that keep what is signed, bound and derived apart from all else.
const (
	prefixInfo      = "emrbchain/seal/v1"
	prefixChunk     = "emrbchain/chunk/v1"
	prefixSignature = "emrbchain/sealed/v1"
)

// A Signer signs as a member; *keys.Member is one.
type Signer interface {
	Public() ed25519.PublicKey
	Sign(message []byte) []byte
}

// A head stands in clear before a message.
type head struct {
	suite     Suite
	recipient KeyID
	sender    [ed25519.PublicKeySize]byte
	chunk     Chunk
	context   []byte
}

func (h *head) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, headFields), version)
	b = dcbor.AppendUint(b, uint64(h.suite))
	b = dcbor.AppendBytes(b, h.recipient[:])
	b = dcbor.AppendBytes(b, h.sender[:])
	b = dcbor.AppendUint(b, uint64(h.chunk))
	return dcbor.AppendBytes(b, h.context)
}

func parseHead(b []byte) (*head, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(headFields)
	if v := r.Uint(); r.Err() == nil && v != version {
		return nil, refuse(fmt.Sprintf("it is of version %d, this program knows %d", v, version))
	}
	h := &head{suite: Suite(min(r.Uint(), 1<<16-1))}
	r.Fixed(h.recipient[:])
	r.Fixed(h.sender[:])
	h.chunk = Chunk(min(r.Uint(), 1<<32-1))
	h.context = r.Bytes()
	if err := r.Done(); err != nil {
		return nil, refuse("its head is malformed")
	}
	if h.chunk != Short && h.chunk != Long || len(h.context) > MaxContext {
		return nil, refuse("its head names chunks or a context of another size")
	}
	return h, nil
}

// chunkData is what each chunk is bound to beside its place: whether it is the last.
func chunkData(final byte) []byte { return append([]byte(prefixChunk), final) }

// transcript gathers what the sender signs: the head and all that follows it.
type transcript struct {
	head [sha256.Size]byte
	rest hash.Hash
}

func newTranscript(head []byte) *transcript {
	return &transcript{head: sha256.Sum256(head), rest: sha256.New()}
}

func (t *transcript) message() []byte {
	m := append([]byte(prefixSignature), t.head[:]...)
	return t.rest.Sum(m)
}

// A Writer seals what is written to it.
type Writer struct {
	w          io.Writer
	from       Signer
	sender     *hpke.Sender
	transcript *transcript
	plain      []byte // of the chunk that fills
	frame      []byte
	err        error
}

// NewWriter returns a Writer of a message to a recipient. The context, in clear,
// says what the message is about; it is bound to it.
func NewWriter(w io.Writer, to *Public, from Signer, chunk Chunk, context []byte) (*Writer, error) {
	if chunk != Short && chunk != Long || len(context) > MaxContext {
		return nil, fmt.Errorf("seal: chunk of %d bytes, context of %d: a chunk is Short or Long, a context at most %d bytes",
			chunk, len(context), MaxContext)
	}
	h := head{suite: to.suite, recipient: to.ID(), sender: [ed25519.PublicKeySize]byte(from.Public()), chunk: chunk, context: context}
	encoded := h.append(nil)
	enc, sender, err := hpke.NewSender(to.key, hpke.HKDFSHA256(), hpke.AES256GCM(), append([]byte(prefixInfo), encoded...))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	s := &Writer{w: w, from: from, sender: sender, transcript: newTranscript(encoded), plain: make([]byte, 0, chunk)}
	s.transcript.rest.Write(enc)
	s.put(appendLength(nil, len(encoded)), encoded, enc)
	return s, s.err
}

func (s *Writer) put(parts ...[]byte) {
	for _, p := range parts {
		if s.err == nil {
			_, s.err = s.w.Write(p)
		}
	}
}

// Write seals bytes.
func (s *Writer) Write(b []byte) (n int, err error) {
	for len(b) > 0 && s.err == nil {
		if len(s.plain) == cap(s.plain) {
			s.seal(0)
			continue
		}
		free := min(len(b), cap(s.plain)-len(s.plain))
		s.plain = append(s.plain, b[:free]...)
		b, n = b[free:], n+free
	}
	return n, s.err
}

// seal writes the chunk that has gathered.
func (s *Writer) seal(final byte) {
	sealed, err := s.sender.Seal(chunkData(final), s.plain)
	if err != nil {
		s.err = fmt.Errorf("seal: %w", err)
		return
	}
	s.frame = append(append(s.frame[:0], final), sealed...)
	s.transcript.rest.Write(s.frame)
	s.put(s.frame)
	s.plain = s.plain[:0]
}

var errClosed = errors.New("seal: the message is closed")

// Close writes the message's end and signature. It does not close the underlying
// writer.
func (s *Writer) Close() error {
	if s.err != nil {
		return s.err
	}
	if len(s.plain) == cap(s.plain) {
		s.seal(0)
	}
	s.plain = append(s.plain, padding)
	used := len(s.plain)
	s.plain = s.plain[:cap(s.plain)]
	clear(s.plain[used:])
	s.seal(1)
	s.put(s.from.Sign(s.transcript.message()))
	if s.err != nil {
		return s.err
	}
	s.err = errClosed
	return nil
}

// A Reader opens a sealed message.
type Reader struct {
	r          io.Reader
	head       *head
	recipient  *hpke.Recipient
	transcript *transcript
	frame      []byte
	plain      []byte // opened and not read
	err        error
}

// NewReader reads a message's head. The keyring returns the recipient's key of an
// id, nil if there is none. Whether the Sender may send what the Context says is
// for the caller to check before it reads on.
func NewReader(r io.Reader, keyring func(KeyID) *Recipient) (*Reader, error) {
	var length [lengthSize]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, cut(err)
	}
	n := parseLength(length)
	if n > maxHead {
		return nil, refuse("its head is too long")
	}
	encoded := make([]byte, n)
	if _, err := io.ReadFull(r, encoded); err != nil {
		return nil, cut(err)
	}
	h, err := parseHead(encoded)
	if err != nil {
		return nil, err
	}
	key := keyring(h.recipient)
	if key == nil {
		return nil, refuse("it is sealed to a key that is not here: it was meant for somebody else, or the key was rotated away")
	}
	if key.public.suite != h.suite {
		return nil, refuse("it names another suite than the recipient's key is of")
	}
	enc := make([]byte, h.suite.encSize())
	if _, err := io.ReadFull(r, enc); err != nil {
		return nil, cut(err)
	}
	opener, err := hpke.NewRecipient(enc, key.private(), hpke.HKDFSHA256(), hpke.AES256GCM(), append([]byte(prefixInfo), encoded...))
	if err != nil {
		return nil, refuse("its encapsulated key is malformed")
	}
	o := &Reader{r: r, head: h, recipient: opener, transcript: newTranscript(encoded), frame: make([]byte, 1+int(h.chunk)+tagSize)}
	o.transcript.rest.Write(enc)
	return o, nil
}

// Sender returns the public key that the message claims to be signed by.
func (o *Reader) Sender() ed25519.PublicKey { return o.head.sender[:] }

// Context returns what the message says it is about.
func (o *Reader) Context() []byte { return o.head.context }

// Read opens bytes. io.EOF says that the message was whole and signed by its
// sender; before it, nothing that was read may be used.
func (o *Reader) Read(b []byte) (n int, err error) {
	for len(o.plain) == 0 {
		if o.err != nil {
			return 0, o.err
		}
		o.err = o.next()
	}
	n = copy(b, o.plain)
	o.plain = o.plain[n:]
	return n, nil
}

// next opens a chunk; after the last one it returns io.EOF or what is wrong.
func (o *Reader) next() error {
	if _, err := io.ReadFull(o.r, o.frame); err != nil {
		return cut(err)
	}
	o.transcript.rest.Write(o.frame)
	final := o.frame[0]
	if final > 1 {
		return refuse("a chunk is neither the last nor one before it")
	}
	plain, err := o.recipient.Open(chunkData(final), o.frame[1:])
	if err != nil {
		return refuse("a chunk does not open: it was altered, moved or left out")
	}
	if final == 0 {
		o.plain = plain
		return nil
	}
	end := len(plain) - 1
	for end >= 0 && plain[end] == 0 {
		end--
	}
	if end < 0 || plain[end] != padding {
		return refuse("its last chunk has no end")
	}
	var signature [ed25519.SignatureSize]byte
	if _, err := io.ReadFull(o.r, signature[:]); err != nil {
		return cut(err)
	}
	if !ed25519.Verify(o.head.sender[:], o.transcript.message(), signature[:]) {
		return refuse("its sender's signature does not verify")
	}
	if n, err := io.ReadFull(o.r, make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return refuse("something follows its end")
	}
	o.plain = plain[:end]
	return io.EOF
}

// cut says that a message ended too early; other errors of reading stay.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse("it is cut short")
	}
	return fmt.Errorf("read sealed message: %w", err)
}
