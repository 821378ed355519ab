// Package wire is what both ends of the connection between host and tap share,
// below the contract's own types: the handshake, the limits, how events gather
// into batches with back-pressure, how cells are read back strictly, and how a
// failure travels.
//
// The mapping of package tap's types stands in package tap itself, because
// tap.Serve needs it and this package may not import what imports it.
package wire

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// Protocol is the version of the contract in tap/v1. It changes only when an
// old tap and a new host could no longer understand each other.
const Protocol = 1

const (
	// BatchBytes is where a batch of events is sent even though more wait.
	BatchBytes = 256 << 10
	// MaxEvent bounds one event with its cells, so that one huge row can
	// neither fill the host's memory nor overflow a message.
	MaxEvent = 256 << 20
	// maxFrame leaves room for a batch that one huge event was added to.
	maxFrame = MaxEvent + 4*BatchBytes
	// window is the flow-control window: what may be under way to a host that
	// does not read. A fixed size keeps gRPC from widening it by itself.
	window = 1 << 20
)

// PluginName is the name under which a tap is dispensed.
const PluginName = "tap"

// SocketVariable names the environment variable that holds the unix socket on
// which a tap that nobody launched shall listen.
const SocketVariable = "EMRBCHAIN_TAP_SOCKET"

// HealthService is the name under which a tap reports its health; go-plugin
// fixes it.
const HealthService = plugin.GRPCServiceName

// Handshake is how host and launched tap recognise each other. The cookie is
// no secret: it tells a tap that it was launched by a host.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  Protocol,
		MagicCookieKey:   "EMRBCHAIN_TAP",
		MagicCookieValue: "launched-by-emrbchain",
	}
}

// ServerOptions are the options of a tap's gRPC server.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxFrame),
		grpc.MaxSendMsgSize(maxFrame),
		grpc.InitialWindowSize(window),
		grpc.InitialConnWindowSize(window),
	}
}

// DialOptions are the options of the host's connection to a tap.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(window),
		grpc.WithIdleTimeout(0), // the end of the connection is the end of the session
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxFrame), grpc.MaxCallSendMsgSize(maxFrame)),
	}
}

// Plugin ties a tap to go-plugin: the tap's process registers its server, the
// host gets the bare connection.
type Plugin struct {
	plugin.NetRPCUnsupportedPlugin
	// Register adds the tap's service to the server; nil at the host.
	Register func(*grpc.Server)
}

// GRPCServer implements plugin.GRPCPlugin at the tap.
func (p Plugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	p.Register(s)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin at the host: it returns the
// connection.
func (p Plugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}
