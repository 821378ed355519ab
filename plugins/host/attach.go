package host

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/emrbchain/emrbchain/plugins/internal/wire"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// attached is the link to a tap that somebody else runs.
type attached struct{ conn *grpc.ClientConn }

func (a *attached) ended() <-chan struct{}         { return nil }
func (a *attached) ending() string                 { return "its end is unknown" }
func (a *attached) ping(ctx context.Context) error { return ping(ctx, a.conn) }

// kill drops the connection; the tap's process ends with it if it still can,
// and whoever runs it sees to the rest.
func (a *attached) kill() { _ = a.conn.Close() }

func (a *attached) close() { _ = a.conn.Close() }

// Attach connects to the tap that listens on Options.Socket. There is no TLS:
// the directory of the socket must be closed to others.
func Attach(ctx context.Context, o Options) (*Host, error) {
	o = o.withDefaults()
	if o.Name == "" {
		o.Name = o.Socket
	}
	if err := tap.CheckSocketDirectory(o.Socket); err != nil {
		return nil, o.explainSocket(err)
	}
	conn, err := dialOnce(o.Socket)
	if err != nil {
		return nil, o.fail(ErrStart, "its socket cannot be used", "check the path of the socket")
	}
	start, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	client, err := tap.NewClient(start, conn)
	if err != nil {
		_ = conn.Close() // what matters is why it was of no use
		return nil, o.explainAttach(ctx, err)
	}
	return newHost(o, client, &attached{conn}), nil
}

// dialOnce connects to a socket, and never again: behind a second connection
// would be another process, which knows nothing of this session.
func dialOnce(socket string) (*grpc.ClientConn, error) {
	var dialled atomic.Bool
	options := append(wire.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			if dialled.Swap(true) {
				return nil, tap.ErrConnection
			}
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}))
	return grpc.NewClient("passthrough:///tap", options...)
}

func (o *Options) explainSocket(err error) error {
	var setup *tap.SetupError
	if errors.As(err, &setup) {
		p := setup.Problems[0]
		return o.fail(ErrStart, p.Thing+": "+p.Reason, p.Mend)
	}
	return o.fail(ErrStart, "the directory of its socket "+o.Socket+" is not there", "start the tap's unit, or correct the path")
}

func (o *Options) explainAttach(ctx context.Context, err error) error {
	var contract *tap.ContractError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &contract):
		return o.fail(contract, contract.Thing+": "+contract.Reason, "update the tap")
	case errors.Is(err, tap.ErrProtocol):
		return o.wrongProtocol(err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return o.fail(ErrStartTimeout, "it does not answer on its socket", "restart the tap's unit and see its log")
	}
	return o.fail(ErrStart, "nothing answers on its socket "+o.Socket, "start the tap's unit and see its log")
}
