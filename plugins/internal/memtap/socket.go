package memtap

import (
	"context"
	"errors"
	"net"
	"net/rpc"
	"sync"
	"time"
)

// patience is how long a Read over a socket waits before it returns nothing.
const patience = 100 * time.Millisecond

// Server answers the taps of other processes on a socket.
type Server struct {
	listener net.Listener
	running  sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
}

// service is the Source as net/rpc wants it.
type service struct{ source *Source }

func (s service) Bounds(_ struct{}, out *Bounds) (err error) {
	*out, err = s.source.Bounds(context.Background())
	return err
}

func (s service) Read(after uint64, out *[]Transaction) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	*out, err = s.source.Read(ctx, after)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func (s service) View(table string, out *View) (err error) {
	*out, err = s.source.View(context.Background(), table)
	return err
}

// Serve answers for source on a unix socket until Close.
func Serve(source *Source, path string) (*Server, error) {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	answers := rpc.NewServer()
	if err := answers.RegisterName("Source", service{source}); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &Server{listener: listener, open: map[net.Conn]bool{}}
	s.running.Go(func() { s.accept(answers) })
	return s, nil
}

func (s *Server) accept(answers *rpc.Server) {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[conn] = true
		s.mu.Unlock()
		s.running.Go(func() {
			answers.ServeConn(conn)
			s.mu.Lock()
			delete(s.open, conn)
			s.mu.Unlock()
		})
	}
}

// Close stops answering and waits until every answer has ended.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close() // ends its goroutine, which is waited for
	}
	s.mu.Unlock()
	s.running.Wait()
	return err
}

// remote is a Backend in another process.
type remote struct{ client *rpc.Client }

// Dial returns the Backend that is served on a socket.
func Dial(path string) (Backend, error) {
	client, err := rpc.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return remote{client}, nil
}

func (r remote) Bounds(context.Context) (out Bounds, err error) {
	err = r.client.Call("Source.Bounds", struct{}{}, &out)
	return out, err
}

func (r remote) Read(_ context.Context, after uint64) (out []Transaction, err error) {
	err = r.client.Call("Source.Read", after, &out)
	return out, err
}

func (r remote) View(_ context.Context, table string) (out View, err error) {
	err = r.client.Call("Source.View", table, &out)
	return out, err
}

// Close ends the connection.
func (r remote) Close() error { return r.client.Close() }
