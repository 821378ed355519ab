// Package doctor looks at all that a sidecar stands on, before it starts or
// while it runs: its keys and its store, the chain, the tap, and the source
// through the tap's own survey. It changes nothing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Sidecar looks at what a configuration names beside the source. Need is what
// the record log will take, in bytes; 0 if unknown.
func Sidecar(ctx context.Context, c *config.Config, need uint64) []tap.Check {
	checks := Keys(c)
	checks = append(checks, store(c.Log.Directory), disk(c.Log.Directory, need), running(ctx, c.Control.Socket))
	if c.Chain.TrustFile != "" {
		checks = append(checks, trust(c.Chain.TrustFile))
	}
	return append(checks, Chain(ctx, c)...)
}

func ok(thing, found string) tap.Check {
	return tap.Check{Thing: thing, State: tap.CheckOK, Found: found}
}

func fails(thing, found, reason, mend string) tap.Check {
	return tap.Check{Thing: thing, State: tap.CheckFail, Found: found, Reason: reason, Mend: mend}
}

// Keys looks whether each file of secrets is there, closed to others, and what
// it should be.
func Keys(c *config.Config) []tap.Check {
	files := []struct {
		field string
		file  config.SecretFile
		parse func(*os.File) error
	}{
		{"log.wrapping_key_file", c.Log.WrappingKeyFile, func(f *os.File) error { _, err := keys.ParseWrapping(f); return err }},
		{"log.log_key_file", c.Log.LogKeyFile, func(f *os.File) error { _, err := keys.ParseLogKey(f); return err }},
		{"chain.member_key_file", c.Chain.MemberKeyFile, func(f *os.File) error { _, err := keys.ParseMember(f); return err }},
		{"http.token_file", c.HTTP.TokenFile, func(*os.File) error { return nil }},
	}
	var checks []tap.Check
	for _, k := range files {
		if k.file != "" {
			checks = append(checks, secret(k.field, k.file, k.parse))
		}
	}
	return checks
}

func secret(field string, file config.SecretFile, parse func(*os.File) error) tap.Check {
	if _, err := file.Read(); err != nil {
		return fails(field, "", err.Error(), "let the sidecar's user alone read the file that init made, and run doctor as that user")
	}
	path, err := file.Path()
	if err != nil {
		return fails(field, "", err.Error(), "write an absolute path")
	}
	f, err := os.Open(path)
	if err != nil {
		return fails(field, path, err.Error(), "let the sidecar's user read it")
	}
	defer func() { _ = f.Close() }() // only read
	if err := parse(f); err != nil {
		return fails(field, path, err.Error(), "name the file that init made for it")
	}
	return ok(field, path)
}

// store looks whether the record log can be written.
func store(directory string) tap.Check {
	const thing = "log.directory"
	info, err := os.Stat(directory)
	switch {
	case err != nil:
		return fails(thing, directory, "it cannot be found: "+reason(err), "name the directory that emrbchain init made")
	case !info.IsDir():
		return fails(thing, directory, "it is not a directory", "name the directory that emrbchain init made")
	case unix.Access(directory, unix.W_OK|unix.X_OK) != nil:
		return fails(thing, directory, "this user may not write to it", "chown it to the sidecar's user, and run doctor as that user")
	case info.Mode().Perm()&0o007 != 0:
		c := ok(thing, directory)
		c.State, c.Reason, c.Mend = tap.CheckWarn, "every user of this host may look into it", "chmod 0700 "+directory
		return c
	}
	return ok(thing, directory)
}

// disk compares what is free with what the log will take.
func disk(directory string, need uint64) tap.Check {
	const thing = "free disk for the record log"
	var s unix.Statfs_t
	if err := unix.Statfs(directory, &s); err != nil {
		return tap.Check{Thing: thing, State: tap.CheckUnknown, Reason: "it cannot be asked for: " + err.Error()}
	}
	free := s.Bavail * uint64(s.Bsize)
	c := ok(thing, Bytes(free))
	if need > 0 {
		c.Found += "; taking in the tables needs about " + Bytes(need)
	}
	if free < need+need/2 {
		c.State, c.Reason = tap.CheckWarn, "little or nothing is left for the changes to come"
		c.Mend = "give the log a larger disk: " + Bytes(2*need) + " or more"
	}
	return c
}

// running tells whether a sidecar answers; it may be down.
func running(ctx context.Context, socket string) tap.Check {
	const thing = "sidecar"
	ctx, cancel := context.WithTimeout(ctx, chainPatience)
	defer cancel()
	asked := control.NewClient(socket)
	defer asked.Close()
	status, err := asked.Status(ctx)
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return ok(thing, "does not run")
	case err != nil:
		return tap.Check{Thing: thing, State: tap.CheckUnknown, Reason: err.Error()}
	case !status.Ready:
		return tap.Check{Thing: thing, State: tap.CheckWarn, Found: "runs", Reason: "it is not ready", Mend: "see emrbchain status"}
	}
	return ok(thing, "runs and is ready")
}

func trust(file string) tap.Check {
	const thing = "chain.trust_file"
	text, err := os.ReadFile(file)
	if err != nil {
		return fails(thing, file, "it cannot be read: "+reason(err), "get the file again, from a member whom you know")
	}
	if _, err := receipt.ParseTrust(text); err != nil {
		return fails(thing, file, err.Error(), "get the file again, from a member whom you know")
	}
	return ok(thing, file)
}

// chainPatience bounds each question to the chain's node and to the sidecar.
const chainPatience = 5 * time.Second

// Chain looks at the chain by its node: that it is the one, and knows the
// member and the log.
func Chain(ctx context.Context, c *config.Config) []tap.Check {
	const thing = "chain"
	ctx, cancel := context.WithTimeout(ctx, chainPatience)
	defer cancel()
	address := hostPort(c.Chain.RPC)
	dialled, err := client.Dial(address)
	if err != nil {
		return []tap.Check{fails(thing, address, "its node cannot be dialled: "+err.Error(), "correct chain.rpc")}
	}
	status, err := dialled.Status(ctx)
	if err != nil {
		return []tap.Check{fails(thing, address, "its node does not answer: "+err.Error(),
			"start the node (emrbchain node run), or correct chain.rpc; the sidecar works on without it, and anchors later")}
	}
	if status.Chain != c.Chain.ID {
		return []tap.Check{fails(thing, status.Chain, "the node is of another chain than "+c.Chain.ID, "correct chain.rpc or chain.id")}
	}
	found := ok(thing, fmt.Sprintf("%s, height %d, tolerates %d faulty members", status.Chain, status.Height, status.Tolerates))
	if status.CatchingUp {
		found.State, found.Reason, found.Mend = tap.CheckWarn, "the node is catching up", "wait until it has"
	}
	return append([]tap.Check{found}, registered(ctx, dialled, c)...)
}

func registered(ctx context.Context, chain *client.Client, c *config.Config) []tap.Check {
	members, err := chain.Members(ctx)
	if err != nil {
		return []tap.Check{{Thing: "chain.member", State: tap.CheckUnknown, Reason: err.Error()}}
	}
	member := fails("chain.member", c.Chain.Member, "the chain has no such member", "correct chain.member, or have the members vote it in")
	for _, m := range members {
		if m.ID == c.Chain.Member {
			member = ok("chain.member", m.ID+", "+m.Name)
		}
	}
	log := ok("chain.log_id", c.Chain.LogID+", registered")
	if _, held, err := chain.Log(ctx, c.Chain.LogID); err != nil {
		log = tap.Check{Thing: "chain.log_id", State: tap.CheckUnknown, Reason: err.Error()}
	} else if !held {
		log.Found = c.Chain.LogID + ", not registered yet: the sidecar does so at its first start"
	}
	return []tap.Check{member, log}
}

// reason is the operating system's own, without the path that stands beside it.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
