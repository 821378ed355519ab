package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/seal"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

func newKeys() *cobra.Command {
	command := newGroup("keys", "Make, replace and hand over the keys by which patients are found and members speak")
	epoch := newGroup("epoch", "The key that all members derive patients' ids with")
	epoch.Long = `All members derive with one key in an epoch. One of them makes it, and wraps it
to each of the others. Whoever has it can try out identifiers against what they
see in queries: keep it as you keep the records themselves. See
crypto/vid/SPEC.md.`
	epoch.AddCommand(newEpochNew(), newEpochWrap(), newEpochUnwrap(), newEpochShow())
	site := newGroup("site", "The key that makes the ids that this site's staff see")
	site.AddCommand(newSiteNew())
	recipient := newGroup("recipient", "The key that others seal to, so that only this site opens it")
	recipient.AddCommand(newRecipientNew())
	tls := newGroup("tls", "The key by which sidecars of other members know this one")
	tls.AddCommand(newTLSNew())
	command.AddCommand(epoch, site, recipient, tls, newKeysRotate())
	return command
}

func newEpochNew() *cobra.Command {
	var number uint16
	var file string
	command := &cobra.Command{
		Use:     "new --epoch NUMBER -o FILE",
		Short:   "Make the key of a new epoch, for all members",
		Example: "  emrbchain keys epoch new --epoch 2 -o epoch-2.key",
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needFlags(command, "output"); err != nil {
				return err
			}
			if number > vid.MaxEpoch {
				return usagef("--epoch: %d; choose 0 to %d", number, vid.MaxEpoch)
			}
			key, err := vid.GenerateKeyed(rand.Reader, number)
			if err != nil {
				return err
			}
			return writeEpoch(command, file, key)
		},
	}
	command.Flags().Uint16Var(&number, "epoch", 1, "the epoch's `number`")
	command.Flags().StringVarP(&file, "output", "o", "", "the `file` to write")
	return command
}

// writeEpoch writes an epoch's key, and prints what people compare.
func writeEpoch(command *cobra.Command, file string, key *vid.Keyed) error {
	if err := writeNew(file, vid.FormatKeyed(key), 0o600); err != nil {
		return fmt.Errorf("write epoch's key: %w", err)
	}
	command.Printf("Written to %s.\n%s", file, epochText(key))
	return nil
}

func epochText(key *vid.Keyed) string {
	return fmt.Sprintf("Epoch %d, key %s. Compare this with the other members by telephone.\n", key.Epoch(), key.KeyID())
}

func newEpochShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show FILE",
		Short:   "Print the number of an epoch's key, and the name by which members compare it",
		Example: "  emrbchain keys epoch show epoch-2.key",
		Args:    takes("FILE"),
		RunE: func(command *cobra.Command, arguments []string) error {
			key, err := readKeyFile(arguments[0], vid.ParseKeyed)
			if err != nil {
				return err
			}
			command.Print(epochText(key))
			return nil
		},
	}
}

func newEpochWrap() *cobra.Command {
	var key, to, from, file string
	command := &cobra.Command{
		Use:   "wrap --key FILE --to FILE --from FILE -o FILE",
		Short: "Seal an epoch's key to a joining member",
		Long: `Seals the key of an epoch to the public key that a joining member made with
emrbchain keys recipient new, and signs it with this member's key. What is
written may go over any line: only that member opens it.`,
		Example: "  emrbchain keys epoch wrap --key epoch-2.key --to south.pub --from member.key -o epoch-2.sealed",
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needFlags(command, "key", "to", "from", "output"); err != nil {
				return err
			}
			sealed, public, err := wrapEpoch(key, to, from)
			if err != nil {
				return err
			}
			if err := writeNew(file, sealed, 0o644); err != nil {
				return fmt.Errorf("write sealed key: %w", err)
			}
			command.Printf("Sealed in %s to recipient key %s. Compare that with the member who made it by telephone.\n", file, public.ID())
			return nil
		},
	}
	command.Flags().StringVar(&key, "key", "", "the epoch's key `file`")
	command.Flags().StringVar(&to, "to", "", "the joining member's recipient public key `file`")
	command.Flags().StringVar(&from, "from", "", "this member's key `file`, which signs")
	command.Flags().StringVarP(&file, "output", "o", "", "the sealed `file` to write")
	return command
}

func wrapEpoch(keyFile, toFile, fromFile string) (sealed []byte, to *seal.Public, err error) {
	key, err := readKeyFile(keyFile, vid.ParseKeyed)
	if err != nil {
		return nil, nil, err
	}
	if to, err = readPublicFile(toFile, seal.ReadPublic); err != nil {
		return nil, nil, err
	}
	from, err := readKeyFile(fromFile, keys.ParseMember)
	if err != nil {
		return nil, nil, err
	}
	var out bytes.Buffer
	w, err := seal.NewWriter(&out, to, from, seal.Short, []byte(vid.EpochContext))
	if err != nil {
		return nil, nil, err
	}
	if _, err := w.Write(vid.FormatKeyed(key)); err != nil {
		return nil, nil, err
	}
	err = w.Close()
	return out.Bytes(), to, err
}

func newEpochUnwrap() *cobra.Command {
	var key, from, file string
	command := &cobra.Command{
		Use:   "unwrap SEALED --key FILE --from FILE -o FILE",
		Short: "Open an epoch's key that another member has sealed to this one",
		Long: `Opens what another member wrote with emrbchain keys epoch wrap. It is refused
unless that member signed it.`,
		Example: "  emrbchain keys epoch unwrap epoch-2.sealed --key recipient.key --from north.pub -o epoch-2.key",
		Args:    takes("SEALED"),
		RunE: func(command *cobra.Command, arguments []string) error {
			if err := needFlags(command, "key", "from", "output"); err != nil {
				return err
			}
			epoch, err := unwrapEpoch(arguments[0], key, from)
			if err != nil {
				return err
			}
			return writeEpoch(command, file, epoch)
		},
	}
	command.Flags().StringVar(&key, "key", "", "this member's recipient key `file`")
	command.Flags().StringVar(&from, "from", "", "the public key `file` of the member who sealed it")
	command.Flags().StringVarP(&file, "output", "o", "", "the `file` to write")
	return command
}

func unwrapEpoch(sealedFile, keyFile, fromFile string) (*vid.Keyed, error) {
	key, err := readKeyFile(keyFile, seal.ParseRecipient)
	if err != nil {
		return nil, err
	}
	from, err := readPublicFile(fromFile, keys.ParsePublic)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(sealedFile)
	if err != nil {
		return nil, fmt.Errorf("open sealed key: %w", err)
	}
	defer f.Close()
	return openEpoch(f, key, from)
}

func openEpoch(sealed io.Reader, key *seal.Recipient, from ed25519.PublicKey) (*vid.Keyed, error) {
	const most = 64 << 10
	in, err := seal.NewReader(io.LimitReader(sealed, most), func(id seal.KeyID) *seal.Recipient {
		if id != key.Public().ID() {
			return nil
		}
		return key
	})
	if err != nil {
		return nil, fmt.Errorf("open sealed key: %w", err)
	}
	switch {
	case !from.Equal(in.Sender()):
		return nil, fmt.Errorf("open sealed key: another member than %s has sealed it; name the public key of the one who did, if you know them", keys.MemberID(from))
	case string(in.Context()) != vid.EpochContext:
		return nil, fmt.Errorf("open sealed key: it is sealed, and no key of an epoch; name the file that the member sent")
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("open sealed key: %w", err)
	}
	return vid.ParseKeyed(bytes.NewReader(text))
}

func newSiteNew() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:   "new -o FILE",
		Short: "Make the key of this site's ids",
		Long: `Makes the key that this site's ids (lid1…) are made with. Make it once, and
keep a copy in another place: with another one every id would become another.`,
		Example: "  emrbchain keys site new -o site.key",
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needFlags(command, "output"); err != nil {
				return err
			}
			site, err := vid.GenerateSite(rand.Reader)
			if err != nil {
				return err
			}
			if err := writeNew(file, vid.FormatSite(site), 0o600); err != nil {
				return fmt.Errorf("write site's key: %w", err)
			}
			command.Printf("Written to %s: site key %s.\n", file, site.KeyID())
			return nil
		},
	}
	command.Flags().StringVarP(&file, "output", "o", "", "the `file` to write")
	return command
}

func newTLSNew() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:     "new -o FILE",
		Short:   "Make the key of this sidecar's TLS",
		Long:    "Makes the key of this sidecar's TLS. The sidecar publishes its public half on\nthe chain when it starts; it is compared there, and no certificate is needed.",
		Example: "  emrbchain keys tls new -o tls.key",
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needFlags(command, "output"); err != nil {
				return err
			}
			key, err := keys.GenerateMember()
			if err != nil {
				return err
			}
			if err := writeNew(file, keys.FormatMember(key), 0o600); err != nil {
				return fmt.Errorf("write TLS key: %w", err)
			}
			command.Printf("Written to %s.\n", file)
			return nil
		},
	}
	command.Flags().StringVarP(&file, "output", "o", "", "the `file` to write")
	return command
}

func newRecipientNew() *cobra.Command {
	var file string
	var p256 bool
	command := &cobra.Command{
		Use:   "new -o FILE",
		Short: "Make a key that others seal to, and its public half in FILE.pub",
		Example: `  emrbchain keys recipient new -o recipient.key
  emrbchain keys recipient new --p256 -o recipient.key`,
		Args: takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needFlags(command, "output"); err != nil {
				return err
			}
			suite := seal.MLKEM768X25519
			if p256 {
				suite = seal.P256
			}
			key, err := seal.GenerateRecipient(suite)
			if err != nil {
				return err
			}
			text, err := seal.FormatRecipient(key)
			if err != nil {
				return err
			}
			if err := writeNew(file, text, 0o600); err != nil {
				return fmt.Errorf("write recipient's key: %w", err)
			}
			if err := writeNew(file+".pub", seal.FormatPublic(key.Public()), 0o644); err != nil {
				return fmt.Errorf("write recipient's public key: %w", err)
			}
			command.Printf("Written to %s; give %s.pub to who seals to you: recipient key %s.\n", file, file, key.Public().ID())
			return nil
		},
	}
	command.Flags().StringVarP(&file, "output", "o", "", "the `file` to write")
	command.Flags().BoolVar(&p256, "p256", false, "on the curve P-256 alone, without protection against quantum computers")
	return command
}

// readKeyFile reads a secret key from a file that not everybody may read.
func readKeyFile[K any](file string, parse func(io.Reader) (K, error)) (key K, err error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return key, fmt.Errorf("find %s: %w", file, err)
	}
	text, err := config.SecretFile(path).Read()
	if err != nil {
		return key, err
	}
	if key, err = parse(bytes.NewReader(text)); err != nil {
		return key, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

func readPublicFile[K any](file string, parse func(io.Reader) (K, error)) (key K, err error) {
	f, err := os.Open(file)
	if err != nil {
		return key, fmt.Errorf("read public key: %w", err)
	}
	defer f.Close()
	if key, err = parse(f); err != nil {
		return key, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}
