package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	stdlog "log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// grace is how long requests in work may go on once the server is to stop.
const grace = 5 * time.Second

// ErrInUse says that another sidecar answers on the control socket.
var ErrInUse = errors.New("another sidecar answers on this socket")

// Listen opens the control socket with mode 0660. A socket that a dead process
// left behind is replaced; one that answers, or a file that is no socket, is not.
func Listen(path string) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("open control socket %s: %w", path, err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		_ = listener.Close() // the first error tells why
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	return listener, nil
}

func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("a file that is no socket stands there; choose another path (control.socket)")
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = conn.Close() // only its existence matters
		return fmt.Errorf("%w; stop it first, or choose another path (control.socket)", ErrInUse)
	}
	return os.Remove(path)
}

// Serve answers on the listener until ctx ends; then it lets requests in work
// finish, within grace, and returns nil. It closes the listener.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger zerolog.Logger) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler:           handler,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          stdlog.New(logger, "", 0),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      maxAnswer + 30*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeader,
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("serve requests: %w", err)
	case <-ctx.Done():
	}
	if shutdown(server) != nil {
		cancel()
		_ = server.Close() // cuts off what did not end in time
	}
	<-stopped
	return nil
}

func shutdown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return server.Shutdown(ctx)
}
