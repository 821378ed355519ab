package adapter

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/httpapi"
)

// door is one way to ask the sidecar.
type door struct {
	name  string
	serve func(context.Context) error
}

// openDoors opens the control socket and, where they are configured, the door for
// other members and loopback HTTP. All listen when it returns.
func (s *Sidecar) openDoors(handler *control.Handler) ([]door, error) {
	socket, err := control.Listen(s.config.Control.Socket)
	if err != nil {
		return nil, err
	}
	doors := []door{s.door("control socket", socket, handler)}
	if s.exchange != nil {
		listener, err := net.Listen("tcp", s.config.Peers.Listen)
		if err != nil {
			_ = socket.Close()
			return nil, fmt.Errorf("peers.listen: %w; choose another address or port", err)
		}
		doors = append(doors, door{name: "peers", serve: func(ctx context.Context) error { return s.exchange.peers.Serve(ctx, listener) }})
	}
	if s.config.HTTP.Listen == "" {
		return doors, nil
	}
	secret, err := readSecret("http.token_file", s.config.HTTP.TokenFile)
	if err != nil {
		_ = socket.Close() // the first error tells why
		return nil, err
	}
	token, err := httpapi.ParseToken(secret)
	if err != nil {
		_ = socket.Close()
		return nil, config.NewError("http.token_file", err.Error(), "")
	}
	listener, err := net.Listen("tcp", s.config.HTTP.Listen)
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("http.listen: %w; choose another port", err)
	}
	s.options.Logger.Info().Str("event", "listening").Str("http", listener.Addr().String()).
		Str("socket", s.config.Control.Socket).Msg("the sidecar answers")
	return append(doors, s.door("http", listener, httpapi.New(s, token, handler))), nil
}

func (s *Sidecar) door(name string, l net.Listener, h http.Handler) door {
	return door{name: name, serve: func(ctx context.Context) error {
		return control.Serve(ctx, l, h, s.options.Logger)
	}}
}

// dialAddress is host:port of the configured base URL of a node's RPC.
func dialAddress(url string) string {
	return strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
}
