package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/emrbchain/emrbchain/plugins/internal/wire"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// launched is the link to a tap that this process started.
type launched struct {
	process *process
	plugin  *plugin.Client
	conn    *grpc.ClientConn
}

func (l *launched) ended() <-chan struct{}         { return l.process.exited }
func (l *launched) ending() string                 { return l.process.ending() }
func (l *launched) kill()                          { l.process.killGroup() }
func (l *launched) ping(ctx context.Context) error { return ping(ctx, l.conn) }

// close asks the tap to end and waits for go-plugin's goroutines. go-plugin
// asks without a deadline.
func (l *launched) close() { l.plugin.Kill() }

func ping(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := grpc_health_v1.NewHealthClient(conn).Check(ctx,
		&grpc_health_v1.HealthCheckRequest{Service: wire.HealthService})
	return err
}

// Launch checks the manifest, starts the tap and waits for its description.
func Launch(ctx context.Context, o Options) (*Host, error) {
	o = o.withDefaults()
	manifest, command, err := o.prepare()
	if err != nil {
		return nil, err
	}
	out := newOutput(o.Logger.With().Str("tap", o.Name).Logger(), o.Clock)
	p, err := newProcess(command, nil, out)
	if err != nil {
		return nil, err
	}
	start, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	l := &launched{process: p, plugin: plugin.NewClient(o.pluginConfig(p, out))}
	client, err := l.connect(start)
	if err == nil {
		err = o.checkDescription(manifest, client.Describe())
	}
	if err != nil {
		p.settle(start)
		p.killGroup()
		l.plugin.Kill()
		return nil, o.explainStart(ctx, start, p, err)
	}
	return newHost(o, client, l), nil
}

// prepare checks what is to be launched.
func (o *Options) prepare() (*Manifest, []string, error) {
	command := o.Command
	var manifest *Manifest
	if o.Manifest != "" {
		var err error
		if manifest, err = o.checkManifest(); err != nil {
			return nil, nil, err
		}
		if len(command) == 0 {
			command = manifest.command()
		}
	}
	if len(command) == 0 {
		return nil, nil, o.fail(ErrStart, "it has no command", "name the program that is the tap")
	}
	if o.Name == "" {
		o.Name = filepath.Base(command[0])
	}
	return manifest, command, o.checkDirectory()
}

// socketSuffix is as long as what go-plugin appends to the directory: two
// names of os.MkdirTemp and os.CreateTemp, with ten digits each.
const socketSuffix = len("/plugin-dir0123456789/plugin0123456789")

// checkDirectory checks that the path of a socket in Options.Directory fits
// into a sockaddr_un, which ends with a zero byte (unix(7)).
func (o *Options) checkDirectory() error {
	directory := cmp.Or(o.Directory, os.TempDir())
	limit := len(syscall.RawSockaddrUnix{}.Path) - 1 - socketSuffix
	if len(directory) <= limit {
		return nil
	}
	return o.fail(ErrStart, fmt.Sprintf("the path of its directory %s is longer than %d bytes, so no socket can be made in it", directory, limit),
		"use a directory with a shorter path")
}

// pluginConfig tells go-plugin to do the handshake with p. The two log
// nothing by themselves: go-plugin's messages quote what a tap prints.
func (o *Options) pluginConfig(p *process, out *output) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig:  wire.Handshake(),
		Plugins:          plugin.PluginSet{wire.PluginName: wire.Plugin{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     o.StartTimeout,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: o.Directory},
		GRPCDialOptions:  wire.DialOptions(),
		Logger:           hclog.NewNullLogger(),
		Stderr:           out.stream("stderr"),
		SyncStdout:       out.stream("stdout"),
		SyncStderr:       out.stream("stderr"),
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			p.cmd.Env = append(append([]string{}, o.Env...), cmd.Env...)
			return p, nil
		},
	}
}

// connect starts the process and connects to it. The end of ctx kills it, for
// go-plugin itself cannot be interrupted.
func (l *launched) connect(ctx context.Context) (*tap.Client, error) {
	defer context.AfterFunc(ctx, l.process.killGroup)()
	protocol, err := l.plugin.Client()
	if err != nil {
		return nil, err
	}
	dispensed, err := protocol.Dispense(wire.PluginName)
	if err != nil {
		return nil, err
	}
	conn, ok := dispensed.(*grpc.ClientConn)
	if !ok {
		return nil, errors.New("dispense tap: not a connection")
	}
	l.conn = conn
	return tap.NewClient(ctx, conn)
}

// checkDescription holds what the tap says of itself against its manifest.
func (o *Options) checkDescription(manifest *Manifest, d tap.Description) error {
	if manifest == nil || manifest.Name == d.Name && manifest.Version == d.Version {
		return nil
	}
	return o.fail(ErrManifest, fmt.Sprintf("its manifest is of %s %s, and it says it is %s %s",
		manifest.Name, manifest.Version, d.Name, d.Version), "install the tap together with its own manifest")
}

// explainStart says why a launched tap did not come up. go-plugin's own errors
// quote what the tap printed, so none of them is passed on.
func (o *Options) explainStart(ctx, start context.Context, p *process, err error) error {
	var own *Error
	var contract *tap.ContractError
	g := p.greeted()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &own):
		return own
	case p.started() == 0 && start.Err() == nil:
		return o.fail(ErrStart, "its program cannot be started: "+startReason(err),
			"check the path, that it is executable, and that it is built for this machine")
	case errors.As(err, &contract):
		return o.fail(contract, contract.Thing+": "+contract.Reason, "update the tap")
	case g.valid && g.protocol != wire.Protocol:
		return o.wrongProtocol(fmt.Sprintf("it speaks version %d of the contract, this program version %d", g.protocol, wire.Protocol))
	case errors.Is(err, tap.ErrProtocol):
		return o.wrongProtocol(err.Error())
	case g.seen && !g.valid:
		return o.wrongProtocol("the first line on its standard output is not the handshake of a tap")
	case start.Err() != nil:
		return o.fail(ErrStartTimeout, fmt.Sprintf("it did not come up within %s and was killed", o.StartTimeout),
			"see its output in the log; if the machine is that slow, raise the start timeout")
	}
	return o.fail(ErrExited, "it ended before it was ready ("+p.ending()+")", "see its output in the log")
}

func (o *Options) wrongProtocol(reason string) error {
	return o.fail(tap.ErrProtocol, reason, "install the version of the tap that was made for this version of EMRBchain")
}

// startReason is the operating system's reason, without anything around it.
func startReason(err error) string {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}
