package main

import (
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter"
	"github.com/emrbchain/emrbchain/adapter/internal/config"
)

func newKeysRotate() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:   "rotate",
		Short: "Replace the wrapping key and destroy the one before",
		Long: `Makes a new wrapping key, wraps all owner keys by it in one step, puts it in the
place of the one before and overwrites that. Do so every month: what an order
erased stays readable in older copies of the store until the wrapping key of
their time is destroyed. Destroy your own copies of that key as well.

The sidecar must be stopped. If the command is cut off, run it again.`,
		Example: `  systemctl stop emrbchain && emrbchain keys rotate && systemctl start emrbchain`,
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			c, err := config.Load(file)
			if err != nil {
				return err
			}
			rotated, err := adapter.RotateKey(c, adapter.Options{Logger: zerolog.Nop(), Now: time.Now})
			if err != nil {
				return err
			}
			command.Printf("Wrapping key %s is in use, in %s.\nWrapping key %s was overwritten there; destroy every copy of it, and keep one of the new key in another place than the store's.\n",
				rotated.After, rotated.File, rotated.Before)
			return nil
		},
	}
	command.Flags().StringVar(&file, "config", defaultConfig, "the sidecar's configuration `file`")
	return command
}
