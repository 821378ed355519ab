package client

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// Bounds of what a node may say. It is believed for liveness only, so it must
// not be able to fill this process's memory, or a person's terminal.
const (
	maxAnswer = 16 << 20 // bytes of one answer; a block is at most 1 MiB
	maxWords  = 300      // bytes of its words that an error repeats
)

var errLongAnswer = errors.New("the node's answer is longer than any that is asked for")

// newHTTP returns the client that asks a node. It follows no redirection: a
// node is not to choose whom this process asks.
func newHTTP() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{
		Transport: bounded{&http.Transport{
			DialContext:           dialer.DialContext,
			DisableCompression:    true,
			IdleConnTimeout:       time.Minute,
			MaxIdleConnsPerHost:   8,
			ResponseHeaderTimeout: 30 * time.Second,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded cuts off answers that are too long.
type bounded struct{ next http.RoundTripper }

// RoundTrip asks and bounds the answer's body.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &boundedBody{answer.Body, maxAnswer}
	return answer, nil
}

type boundedBody struct {
	io.ReadCloser
	left int // bytes that may still come
}

// Read fails once more has come than may.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errLongAnswer
	}
	return n, err
}

// said makes a node's words fit for an error: printable, on one line, and short.
func said(words string) string {
	if len(words) > maxWords {
		words = strings.ToValidUTF8(words[:maxWords], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, words)
}

// spoken is an error in a node's words.
type spoken struct{ err error }

func (s spoken) Error() string { return said(s.err.Error()) }
func (s spoken) Unwrap() error { return s.err }
