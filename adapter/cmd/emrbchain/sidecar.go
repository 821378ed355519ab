package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/control"
)

// defaultConfig is where the package keeps the sidecar's configuration.
const defaultConfig = "/etc/emrbchain/emrbchain.yaml"

// sidecarFlags say which running sidecar a command asks.
type sidecarFlags struct {
	config, socket string
}

func (f *sidecarFlags) add(command *cobra.Command) {
	command.Flags().StringVar(&f.config, "config", "", "the sidecar's configuration `file` (default "+defaultConfig+")")
	command.Flags().StringVar(&f.socket, "socket", "", "the sidecar's control `socket`, instead of --config")
}

// ask calls a function with a client of the sidecar.
func (f *sidecarFlags) ask(call func(*control.Client) error) error {
	socket, err := f.find()
	if err != nil {
		return err
	}
	client := control.NewClient(socket)
	defer client.Close()
	err = call(client)
	if errors.Is(err, control.ErrNotRunning) && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("control socket %s: this account may not use it; run the command as a user of the socket's group", socket)
	}
	return err
}

// find returns the path of the control socket. Somebody who may use the socket
// need not be able to read the configuration.
func (f *sidecarFlags) find() (string, error) {
	if f.socket != "" && f.config != "" {
		return "", usagef("--config and --socket exclude each other; give one")
	}
	if f.socket != "" {
		return f.socket, nil
	}
	file := f.config
	if file == "" {
		file = defaultConfig
		if !readable(file) {
			return config.Default().Control.Socket, nil
		}
	}
	c, err := config.Load(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", usagef("configuration %s: there is no such file; name the one that the sidecar runs with, or its --socket", file)
	}
	if err != nil {
		return "", err
	}
	return c.Control.Socket, nil
}

func readable(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	_ = f.Close() // nothing was written
	return true
}
