package main

import (
	"context"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/sqlite"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func newTap() *cobra.Command {
	command := newGroup("tap", "Run a built-in tap as a process of its own")
	command.Long = `A tap reads the source for the sidecar, as a process of its own: the sidecar
starts it, or a systemd unit runs it with --listen and the sidecar attaches to
its socket (source.socket in the configuration). It is not run by hand.`
	command.AddCommand(newTapOf("mysql", mysql.New), newTapOf("sqlite", func() tap.Tap { return sqlite.New() }))
	return command
}

func newTapOf(name string, create func() tap.Tap) *cobra.Command {
	var socket string
	command := &cobra.Command{
		Use:     name,
		Short:   "Run the " + name + " tap",
		Example: "  emrbchain tap " + name + " --listen /run/emrbchain-tap/clinic/tap.sock",
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			if socket == "" {
				return tap.Serve(create())
			}
			ctx, stop := untilSignal(command.Context())
			defer stop()
			stale, _ := os.Lstat(socket) // of a process that ended; Listen replaces it
			go notifyListening(ctx, socket, stale)
			return tap.Listen(ctx, create(), socket)
		},
	}
	command.Flags().StringVar(&socket, "listen", "", "wait on this unix `socket` for the sidecar, in a directory that is closed to others")
	return command
}

// notifyListening tells systemd as soon as another socket than the stale one
// stands at the path.
func notifyListening(ctx context.Context, socket string, stale os.FileInfo) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		now, err := os.Lstat(socket)
		if err == nil && now.Mode().Perm() == 0o660 && !sameSocket(stale, now) {
			notify(daemon.SdNotifyReady)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// sameSocket compares times too, because file systems use inodes again.
func sameSocket(stale, now os.FileInfo) bool {
	return stale != nil && os.SameFile(stale, now) && stale.ModTime().Equal(now.ModTime())
}
