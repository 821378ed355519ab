package tap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/emrbchain/emrbchain/plugins/internal/wire"
)

// Serve runs a tap until its one session ends; main calls it and nothing else:
//
//	func main() {
//		if err := tap.Serve(mytap.New()); err != nil {
//			fmt.Fprintln(os.Stderr, err)
//			os.Exit(1)
//		}
//	}
//
// A tap that a host launched talks to it over a private socket with mutual
// TLS. One that a service manager runs finds the path of the socket to listen
// on in the environment variable EMRBCHAIN_TAP_SOCKET, as with Listen.
//
// What the tap writes to standard error reaches the host's log, so it must
// hold no row, key or password; standard output belongs to the handshake.
func Serve(t Tap) error {
	handshake := wire.Handshake()
	if os.Getenv(handshake.MagicCookieKey) == handshake.MagicCookieValue {
		return serveLaunched(t)
	}
	if path := os.Getenv(wire.SocketVariable); path != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return Listen(ctx, t, path)
	}
	return errors.New("tap: it was started by hand: let EMRBchain launch it, or set " +
		wire.SocketVariable + " to the path of a unix socket for it to listen on")
}

// connectPatience bounds how long a launched tap waits for its host, which may
// have died meanwhile.
const connectPatience = time.Minute

// serveLaunched serves the host that launched this process.
func serveLaunched(t Tap) error {
	s := &server{tap: t, session: newSession(true)}
	abandoned := time.AfterFunc(connectPatience, s.session.endUnlessConnected)
	defer abandoned.Stop()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: wire.Handshake(),
		Plugins:         plugin.PluginSet{wire.PluginName: wire.Plugin{Register: s.register}},
		Logger:          hclog.New(&hclog.LoggerOptions{Name: "tap", Level: hclog.Error, Output: os.Stderr}),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			g := s.newGRPC(options)
			go func() {
				<-s.session.done
				g.Stop()
			}()
			return g
		},
	})
	s.session.end(nil)
	return errors.Join(s.session.err, s.shut())
}

func (s *server) newGRPC(options []grpc.ServerOption) *grpc.Server {
	options = append(options, wire.ServerOptions()...)
	return grpc.NewServer(append(options, s.session.options()...)...)
}

// Listen runs a tap on a unix socket until the session of the host that
// attached ends, or ctx does. There is no TLS: who may open the socket is who
// may use the tap, so its directory must be closed to others (mode 0750 or
// less); the socket itself gets mode 0660. A service manager restarts the
// process for the next session.
func Listen(ctx context.Context, t Tap, socket string) error {
	listener, err := listenUnix(socket)
	if err != nil {
		return err
	}
	s := &server{tap: t, session: newSession(false)}
	g := s.newGRPC(nil)
	s.register(g)
	answers := health.NewServer()
	answers.SetServingStatus(wire.HealthService, grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(g, answers)
	return errors.Join(s.serve(ctx, g, listener), s.shut())
}

// serve serves until the session or ctx ends.
func (s *server) serve(ctx context.Context, g *grpc.Server, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	select {
	case <-ctx.Done():
	case <-s.session.done:
	case err := <-served:
		return fmt.Errorf("serve tap: %w", err)
	}
	s.session.end(nil)
	g.Stop()
	<-served
	return s.session.err
}
