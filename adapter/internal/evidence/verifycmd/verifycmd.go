// Package verifycmd is the command that verifies an evidence file: what
// emrbchain-verify is, and emrbchain verify as well. It reads two files and
// prints; it opens no network connection and no database.
//
// It prints the trust file's fingerprint first, because all that follows
// stands on it; then what was checked, what the evidence says, and what it
// does not say.
package verifycmd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/chain/receipt"
)

// Exit codes of Run.
const (
	ExitVerified = 0
	ExitRefused  = 1 // the evidence, or the trust file, is not good; the reason is printed
	ExitUsage    = 2
)

const usage = `usage: %s FILE --trust trust.json [--json]

Checks an evidence file without any network. The trust file says which chain
to believe: get it from somebody whom you believe, and compare the fingerprint
that is printed first with theirs, by phone or letterhead.

Exit status: 0 verified, 1 not verified (the reason is printed), 2 usage.
`

type options struct {
	file, trust string
	json        bool
}

// Run verifies as args say and returns the exit code. name is how the command
// is called, for its usage text.
func Run(name string, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, usage, name)
		return ExitVerified
	case err != nil:
		fmt.Fprintf(stderr, "%v\n\n", err)
		fmt.Fprintf(stderr, usage, name)
		return ExitUsage
	}
	outcome := check(o)
	print := outcome.text
	if o.json {
		print = outcome.json
	}
	if err := print(stdout); err != nil {
		fmt.Fprintf(stderr, "write the result: %v\n", err)
		return ExitRefused
	}
	if outcome.err != nil {
		return ExitRefused
	}
	return ExitVerified
}

// parse reads flags before and after the file's name.
func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.trust, "trust", "", "")
	flags.BoolVar(&o.json, "json", false, "")
	for {
		if err := flags.Parse(args); err != nil {
			return o, err
		}
		if flags.NArg() == 0 {
			break
		}
		if o.file != "" {
			return o, fmt.Errorf("one evidence file at a time: %q is one too many", flags.Arg(0))
		}
		o.file, args = flags.Arg(0), flags.Args()[1:]
	}
	if o.file == "" {
		return o, errors.New("name the evidence file")
	}
	if o.trust == "" {
		return o, errors.New("name the trust file with --trust: without it there is nothing to believe")
	}
	return o, nil
}

// An outcome is all that is known at the end, good or bad.
type outcome struct {
	file   string
	size   int
	digest string         // SHA-256 of the evidence file
	trust  *receipt.Trust // nil if it could not be read
	result *evidence.Result
	err    error
}

func check(o options) *outcome {
	out := &outcome{file: o.file}
	trust, err := readTrust(o.trust)
	if err != nil {
		out.err = err
		return out
	}
	out.trust = &trust
	file, err := readFile(o.file, evidence.MaxSize)
	if err != nil {
		out.err = fmt.Errorf("read evidence: %w", err)
		return out
	}
	sum := sha256.Sum256(file)
	out.size, out.digest = len(file), hex.EncodeToString(sum[:])
	parsed, err := evidence.Parse(file)
	if err != nil {
		out.err = err
		return out
	}
	out.result, out.err = parsed.Verify(trust)
	return out
}

// maxTrustSize is far more than a trust file needs.
const maxTrustSize = 1 << 16

func readTrust(path string) (receipt.Trust, error) {
	b, err := readFile(path, maxTrustSize)
	if err != nil {
		return receipt.Trust{}, fmt.Errorf("read trust file: %w", err)
	}
	return receipt.ParseTrust(b)
}

// readFile reads a file of at most limit bytes; of a larger one it returns one
// byte more, for the parser to refuse.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}
