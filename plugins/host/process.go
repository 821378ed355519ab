package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is the child that a launched tap is; it implements go-plugin's
// runner.Runner, so that go-plugin does the handshake and this package knows
// how the process ended.
type process struct {
	cmd    *exec.Cmd
	output *output

	rawStdout io.ReadCloser
	stdout    *io.PipeReader // what go-plugin may see: the handshake
	toPlugin  *io.PipeWriter
	stderr    io.ReadCloser
	copying   sync.WaitGroup
	closing   sync.Once

	exited chan struct{}
	state  *os.ProcessState // read after exited

	mu       sync.Mutex
	greeting greeting
	pid      int  // 0 before the start
	doomed   bool // killed, perhaps before the start
}

// greeting is what the process wrote first to its standard output.
type greeting struct {
	seen     bool
	valid    bool // it is a handshake
	protocol int  // and this is the version of the contract
}

func newProcess(command, env []string, out *output) (*process, error) {
	p := &process{cmd: exec.Command(command[0], command[1:]...), output: out, exited: make(chan struct{})}
	p.cmd.Env = env
	// A group of its own: a terminal's interrupt is the host's affair, and a
	// kill reaches what the tap itself started.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.stdout, p.toPlugin = io.Pipe()
	var err error
	if p.rawStdout, err = p.cmd.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	if p.stderr, err = p.cmd.StderrPipe(); err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	return p, nil
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	if err := p.spawn(); err != nil {
		close(p.exited)
		return fmt.Errorf("start process: %w", err)
	}
	p.copying.Go(p.copyStdout)
	go func() {
		p.state, _ = p.cmd.Process.Wait() // the state tells all; without it the end is unknown
		p.killGroup()
		close(p.exited)
		time.AfterFunc(drainPatience, p.closePipes)
	}()
	return nil
}

func (p *process) spawn() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doomed {
		return errDoomed
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.pid = p.cmd.Process.Pid
	return nil
}

var errDoomed = errors.New("it was to end before it began")

// started returns the process id, or 0 before the start.
func (p *process) started() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

// drainPatience is how long the pipes of a process that ended are still read.
// They close by themselves then, unless something that it started lives on.
const drainPatience = time.Second

func (p *process) closePipes() {
	p.closing.Do(func() {
		_ = p.rawStdout.Close() // nothing was written to it, so nothing can be lost
		_ = p.stderr.Close()
	})
}

// maxGreeting bounds the handshake line; a certificate is part of it.
const maxGreeting = 16 << 10

// copyStdout hands the first line to go-plugin, and everything after it, or a
// first line that is no handshake, to the log.
func (p *process) copyStdout() {
	in := bufio.NewReaderSize(p.rawStdout, maxGreeting)
	line, err := in.ReadSlice('\n')
	log := p.output.stream("stdout")
	if p.greet(line, err) {
		_, _ = p.toPlugin.Write(line) // it fails when go-plugin gave up, which it reports
	} else {
		_, _ = log.Write(line)
		_ = p.toPlugin.Close() // it need not wait any longer
	}
	_, _ = io.Copy(log, in) // ends with the process
	_ = p.toPlugin.Close()
}

// greet reads the handshake and reports whether it is one.
func (p *process) greet(line []byte, err error) bool {
	g := greeting{seen: len(line) > 0}
	parts := strings.Split(strings.TrimSpace(string(line)), "|")
	if err == nil && len(parts) >= 4 && parts[0] == "1" {
		version, numberErr := strconv.Atoi(parts[1])
		g.valid, g.protocol = numberErr == nil, version
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.greeting = g
	return g.valid
}

func (p *process) greeted() greeting {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.greeting
}

// hasExited reports whether the process is over.
func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// settle gives a process that closed its standard output the moment it needs
// to end by itself, so that its own exit status is what gets reported.
func (p *process) settle(ctx context.Context) {
	if p.started() == 0 || p.greeted().seen {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, drainPatience)
	defer cancel()
	select {
	case <-p.exited:
	case <-ctx.Done():
	}
}

// ending says how the process ended: its exit status or signal.
func (p *process) ending() string {
	if !p.hasExited() || p.state == nil {
		return "its end is unknown"
	}
	return p.state.String()
}

// Kill implements runner.Runner.
func (p *process) Kill(context.Context) error {
	p.killGroup()
	return nil
}

// killGroup kills the process and all that it started. It does nothing when
// they are gone.
func (p *process) killGroup() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = true
	if p.pid != 0 {
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
}

// Wait implements runner.Runner.
func (p *process) Wait(context.Context) error {
	<-p.exited
	p.copying.Wait()
	p.closePipes()
	p.output.flush()
	return nil
}

// Diagnose implements runner.Runner; its text would reach nobody.
func (p *process) Diagnose(context.Context) string { return "" }

// Stdout implements runner.Runner.
func (p *process) Stdout() io.ReadCloser { return p.stdout }

// Stderr implements runner.Runner.
func (p *process) Stderr() io.ReadCloser { return p.stderr }

// Name implements runner.Runner.
func (p *process) Name() string { return p.cmd.Path }

// ID implements runner.Runner.
func (p *process) ID() string {
	if pid := p.started(); pid != 0 {
		return strconv.Itoa(pid)
	}
	return "not started" // go-plugin cleans up only after what has an id
}

// PluginToHost implements runner.Runner: both see the same file system.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin implements runner.Runner.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
