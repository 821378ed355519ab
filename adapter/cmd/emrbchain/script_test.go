package main

import (
	"database/sql"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait for a condition; only a defect reaches it.
const patience = 60 * time.Second

// setupScript gives each script free ports, and the evidence that the verifier's
// own tests use.
func setupScript(env *testscript.Env) error {
	evidence, err := filepath.Abs("../../internal/evidence/testdata")
	if err != nil {
		return err
	}
	env.Setenv("EVIDENCE", evidence)
	for _, name := range []string{"RPC", "P2P", "HTTP"} {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		env.Setenv(name, address)
	}
	return nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func scriptCommands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"exits":      exits,
		"eventually": eventually,
		"sql":        runSQL,
		"replace":    replaceText,
		"mode":       checkMode,
		"listen":     listenNotify,
		"terminate":  terminate,
		"notified":   notified,
	}
}

// exits CODE PROGRAM ARGUMENT... runs a program and demands its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	code := 0
	var failed *exec.ExitError
	err := ts.Exec(args[1], args[2:]...)
	if errors.As(err, &failed) {
		code = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// eventually PATTERN PROGRAM ARGUMENT... runs a program again and again until
// it succeeds and its output holds a text.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually TEXT PROGRAM ARGUMENT...")
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-ticker.C {
		if ts.Exec(args[1], args[2:]...) == nil && strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
	}
	ts.Fatalf("%s: %q did not come within %s", strings.Join(args[1:], " "), args[0], patience)
}

// sql DATABASE FILE|STATEMENT runs SQL on an SQLite file, as an application does.
func runSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql DATABASE FILE|STATEMENT")
	}
	statements := args[1]
	if strings.HasSuffix(statements, ".sql") {
		statements = ts.ReadFile(statements)
	}
	db, err := sql.Open("sqlite", "file:"+ts.MkAbs(args[0])+"?_pragma=busy_timeout(10000)")
	ts.Check(err)
	_, err = db.Exec(statements)
	ts.Check(errors.Join(err, db.Close()))
}

// replace FILE OLD NEW changes a text in a file; \n is a new line.
func replaceText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	text = strings.ReplaceAll(text, args[1], strings.ReplaceAll(args[2], `\n`, "\n"))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// mode OCTAL FILE... demands the permissions of files.
func checkMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mode OCTAL FILE...")
	}
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	for _, file := range args[1:] {
		info, err := os.Stat(ts.MkAbs(file))
		ts.Check(err)
		if info.Mode().Perm() != fs.FileMode(want) {
			ts.Fatalf("%s has mode %o, want %o", file, info.Mode().Perm(), want)
		}
	}
}

// listen VARIABLE opens a socket as systemd's for notifications, and names it
// in a variable.
func listenNotify(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listen VARIABLE")
	}
	path := ts.MkAbs(args[0] + ".notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close() })
	ts.Setenv(args[0], path)
	received := ts.MkAbs(args[0] + ".received")
	go func() {
		text := make([]byte, 4096)
		for {
			n, err := conn.Read(text)
			if err != nil {
				return
			}
			f, err := os.OpenFile(received, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err != nil {
				return
			}
			_, _ = f.Write(append(text[:n], '\n'))
			_ = f.Close()
		}
	}()
}

// terminate ARGUMENT sends SIGTERM to the background program that has the
// argument; testscript's own kill has no such signal.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: terminate ARGUMENT")
	}
	for _, command := range ts.BackgroundCmds() {
		if slices.Contains(command.Args, args[0]) {
			ts.Check(command.Process.Signal(syscall.SIGTERM))
			return
		}
	}
	ts.Fatalf("no background program has the argument %q", args[0])
}

// notified VARIABLE STATE waits until a process has told the socket a state.
func notified(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: notified VARIABLE STATE")
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-ticker.C {
		text, err := os.ReadFile(ts.MkAbs(args[0] + ".received"))
		if err == nil && strings.Contains("\n"+string(text), "\n"+args[1]+"\n") {
			return
		}
	}
	ts.Fatalf("nobody told %s within %s", args[1], patience)
}
