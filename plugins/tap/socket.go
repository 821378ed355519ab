package tap

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// listenUnix listens on a unix socket in a directory that is closed to others,
// after removing the socket that a process before this one left behind.
func listenUnix(path string) (net.Listener, error) {
	if err := CheckSocketDirectory(path); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, fmt.Errorf("protect socket: %w", closeAfter(listener, err))
	}
	return listener, nil
}

func closeAfter(listener net.Listener, err error) error {
	if closeErr := listener.Close(); closeErr != nil {
		return fmt.Errorf("%w (and closing it: %w)", err, closeErr)
	}
	return err
}

// CheckSocketDirectory refuses a socket whose directory others may enter: its
// permissions are all that protects a tap that a service manager runs.
func CheckSocketDirectory(path string) error {
	directory := filepath.Dir(path)
	info, err := os.Stat(directory)
	if err != nil {
		return fmt.Errorf("check socket directory: %w", err)
	}
	if open := info.Mode().Perm() & 0o027; open != 0 {
		return NewSetupError("socket directory "+directory,
			fmt.Sprintf("its mode %#o lets others in, and whoever reaches the socket can read the source", info.Mode().Perm()),
			"chmod 0750 "+directory+" if it is the socket's own, else choose such a one (in a unit: RuntimeDirectoryMode=0750)")
	}
	return nil
}

// removeStale removes a socket that nobody listens on any more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at socket: %w", err)
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return NewSetupError("socket "+path, "another kind of file stands there", "remove it, or choose another path")
	}
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close() // it was opened only to see whether somebody answers
		return NewSetupError("socket "+path, "another process listens on it", "stop that process, or choose another path")
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove stale socket: %w", err)
	}
	return nil
}
