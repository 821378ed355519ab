// Package mariadbtest runs private MariaDB servers for tests.
//
// Start gives a test its own mariadbd on a free loopback port, with the binary
// log as a tap needs it. The data directory is a copy of a template that is
// installed once per machine and version, so that a server is up in well under
// a second. A server can be killed with SIGKILL, restarted on the same data,
// backed up and put back to an old state; it ends with its test.
//
// Tests alone import this package.
package mariadbtest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// startPatience is how long a server may take until it answers: a start after
// SIGKILL recovers first, and test machines are busy.
const startPatience = 60 * time.Second

// Options chooses how a server runs.
type Options struct {
	// Durable syncs every commit to disk, as a tapped server must; without it
	// the server is faster and may lose commits when it is killed.
	Durable bool
	// Args are further options of mariadbd; they overrule the defaults.
	Args []string
}

// A Server is one private mariadbd. Its methods fail the test on any error.
type Server struct {
	t       testing.TB
	dir     string
	port    int
	options Options
	process *exec.Cmd
	exited  chan struct{}
	admin   *sql.DB
}

// Start runs a new server until the test ends. It skips the test only when
// MariaDB is not installed.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	requireInstalled(t)
	dir, err := os.MkdirTemp("", "mariadb")
	if err != nil {
		t.Fatalf("make server directory: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	copyTree(t, template(t), filepath.Join(dir, "data"))
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o700); err != nil {
		t.Fatalf("make server directory: %v", err)
	}
	s := &Server{t: t, dir: dir, port: freePort(t), options: options}
	s.admin = s.open()
	t.Cleanup(s.end)
	s.run()
	return s
}

func (s *Server) end() {
	s.admin.Close()
	s.Stop()
}

// Port returns the TCP port on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// PID is the id of the server's process.
func (s *Server) PID() int { return s.process.Process.Pid }

// Socket returns the path of the unix socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "sock") }

// DataDir returns the data directory. Its contents may be changed only while
// the server is down.
func (s *Server) DataDir() string { return filepath.Join(s.dir, "data") }

// Binlogs returns the paths of the binary log files, oldest first.
func (s *Server) Binlogs() []string {
	s.t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.DataDir(), "binlog.[0-9]*"))
	if err != nil {
		s.t.Fatalf("list binary logs: %v", err)
	}
	sort.Strings(paths)
	return paths
}

// DSN returns a data source name for go-sql-driver/mysql. The user root has no
// password; database may be empty.
func (s *Server) DSN(user, password, database string) string {
	return s.config(user, password, database).FormatDSN()
}

func (s *Server) config(user, password, database string) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = user, password, database
	c.Net, c.Addr = "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	return c
}

// Admin returns connections as root, without a database. They outlive a
// restart of the server.
func (s *Server) Admin() *sql.DB { return s.admin }

// Exec runs statements as root, one after another.
func (s *Server) Exec(statements ...string) {
	s.t.Helper()
	for _, statement := range statements {
		if _, err := s.admin.Exec(statement); err != nil {
			s.t.Fatalf("run %.80q: %v", statement, err)
		}
	}
}

// QueryString returns the one value of the one row that a query as root gives.
func (s *Server) QueryString(query string, args ...any) string {
	s.t.Helper()
	var value string
	if err := s.admin.QueryRow(query, args...).Scan(&value); err != nil {
		s.t.Fatalf("query %.80q: %v", query, err)
	}
	return value
}

// Prepared returns the ids, as SQL writes them, of the XA transactions that are
// prepared and neither committed nor rolled back.
func (s *Server) Prepared() []string {
	s.t.Helper()
	rows, err := s.admin.Query("XA RECOVER FORMAT='SQL'")
	if err != nil {
		s.t.Fatalf("list prepared transactions: %v", err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var format, global, branch int
		var id string
		if err := rows.Scan(&format, &global, &branch, &id); err != nil {
			s.t.Fatalf("list prepared transactions: %v", err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		s.t.Fatalf("list prepared transactions: %v", err)
	}
	return ids
}

// Stop ends the server cleanly. It does nothing if the server is down.
func (s *Server) Stop() { s.signal(syscall.SIGTERM) }

// Kill ends the server with SIGKILL. It does nothing if the server is down.
func (s *Server) Kill() { s.signal(syscall.SIGKILL) }

func (s *Server) signal(signal syscall.Signal) {
	if s.process == nil {
		return
	}
	// An error says that the process ended by itself already.
	_ = s.process.Process.Signal(signal)
	<-s.exited
	s.process = nil
}

// Restart starts the server again on the same port and data, stopping it first
// if it runs. Args, if any, replace those of Options.
func (s *Server) Restart(args ...string) {
	s.t.Helper()
	s.Stop()
	if len(args) > 0 {
		s.options.Args = args
	}
	s.run()
}

// Backup copies the data directory and returns the copy's path. The server is
// stopped for it and runs again afterwards.
func (s *Server) Backup() string {
	s.t.Helper()
	s.Stop()
	copied := filepath.Join(s.t.TempDir(), "backup")
	copyTree(s.t, s.DataDir(), copied)
	s.run()
	return copied
}

// Restore puts the data directory back to a copy that Backup made, and starts
// the server on it.
func (s *Server) Restore(copied string) {
	s.t.Helper()
	s.Stop()
	if err := os.RemoveAll(s.DataDir()); err != nil {
		s.t.Fatalf("remove data: %v", err)
	}
	copyTree(s.t, copied, s.DataDir())
	s.run()
}

// open returns root's connections, silent about those that a kill breaks.
func (s *Server) open() *sql.DB {
	config := s.config("root", "", "")
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		s.t.Fatalf("open database: %v", err)
	}
	return sql.OpenDB(connector)
}

// run starts the process and waits until it answers.
func (s *Server) run() {
	s.t.Helper()
	var output bytes.Buffer
	s.process = exec.Command(program("mariadbd"), s.arguments()...)
	s.process.Stdout, s.process.Stderr = &output, &output
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		s.t.Fatalf("start mariadbd: %v", err)
	}
	s.exited = make(chan struct{})
	go func(process *exec.Cmd, exited chan struct{}) {
		_ = process.Wait() // how it ended is in its own log
		close(exited)
	}(s.process, s.exited)
	if err := s.await(); err != nil {
		s.Kill()
		s.t.Fatalf("start mariadbd: %v\n%s", err, tail(output.Bytes(), 4000))
	}
}

// await polls until the server answers a query of this data directory.
func (s *Server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var dir string
		err := s.admin.QueryRowContext(ctx, "SELECT @@datadir").Scan(&dir)
		if err == nil && filepath.Clean(dir) == filepath.Clean(s.DataDir()) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer in %s: %w", startPatience, err)
		case <-s.exited:
			return fmt.Errorf("it ended at once")
		case <-tick.C:
		}
	}
}

func (s *Server) arguments() []string {
	args := append(commonArguments(s.DataDir()),
		"--tmpdir="+filepath.Join(s.dir, "tmp"), "--socket="+s.Socket(),
		"--pid-file="+filepath.Join(s.dir, "pid"), "--port="+strconv.Itoa(s.port),
		"--bind-address=127.0.0.1", "--skip-name-resolve", "--server-id=1",
		"--log-bin=binlog", "--binlog-format=ROW", "--binlog-row-image=FULL",
		"--binlog-row-metadata=FULL", "--gtid-strict-mode=1", "--log-slave-updates=1",
		"--innodb-buffer-pool-size=64M", "--performance-schema=OFF",
		"--character-set-server=utf8mb4", "--max-connections=300")
	if s.options.Durable {
		args = append(args, "--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1")
	} else {
		args = append(args, "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0")
	}
	return append(args, s.options.Args...)
}

func freePort(t testing.TB) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find free port: %v", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
