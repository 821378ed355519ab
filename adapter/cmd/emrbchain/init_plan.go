package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

// Names of the files that init makes.
const (
	configName   = "emrbchain.yaml"
	wrappingName = "wrapping.key"
	logKeyName   = "log.key"
	memberName   = "member.key"
	publicName   = "member.pub"
	tokenName    = "http.token"
	passwordName = "database.password"
	sqlName      = "source.sql"
	siteName     = "site.key"
	epochName    = "epoch.key"
)

// An initFile is a file to make.
type initFile struct {
	name    string
	content []byte
	public  bool
	purpose string
}

// An initPlan is all that init will make. It is complete before anything is
// made, so that a mistake leaves nothing behind.
type initPlan struct {
	flags        *initFlags
	directory    string
	logDirectory string
	socket       string
	origin       string
	logID        string
	wrapping     *keys.Wrapping
	source       source
	epoch        *vid.Keyed // nil: nobody is to be found
	files        []initFile
}

// plan checks what was asked for and makes keys and texts, in memory.
func (f *initFlags) plan(ctx context.Context, directory string) (*initPlan, error) {
	p := &initPlan{flags: f}
	if err := p.place(directory); err != nil {
		return nil, err
	}
	tables, err := f.readTables()
	if err != nil {
		return nil, err
	}
	if p.source, err = f.readSource(ctx, p.directory, tables); err != nil {
		return nil, err
	}
	if err := p.makeKeys(); err != nil {
		return nil, err
	}
	text := p.configText(tables)
	if err := checkMade(text); err != nil {
		return nil, err
	}
	p.files = append(p.files, initFile{configName, []byte(text), false, "the configuration"})
	p.files = append(p.files, p.source.files...)
	return p, nil
}

func (p *initPlan) place(directory string) (err error) {
	if p.directory, err = absolute(directory, ""); err != nil {
		return err
	}
	if p.logDirectory, err = absolute(p.flags.logDirectory, filepath.Join(p.directory, "log")); err != nil {
		return err
	}
	if p.socket, err = absolute(p.flags.socket, filepath.Join(p.directory, "control.sock")); err != nil {
		return err
	}
	if err := checkEmpty(p.directory); err != nil {
		return err
	}
	return checkEmpty(p.logDirectory)
}

func (p *initPlan) makeKeys() error {
	p.logID = randomHex(16)
	p.origin = merkle.Origin(p.flags.chain, p.logID, 0)
	logKey, err := keys.GenerateLogKey(rand.Reader, p.origin)
	if err != nil {
		return usagef("--chain: %w", err)
	}
	if p.wrapping, err = keys.NewWrapping(rand.Reader); err != nil {
		return err
	}
	member, err := p.flags.readMemberKey()
	if err != nil {
		return err
	}
	p.files = []initFile{
		{wrappingName, p.wrapping.Format(), false, "wraps the keys of the commitments; keep a copy in another place: without it nothing can be proven"},
		{logKeyName, logKey.Format(), false, "signs the log's checkpoints"},
		{memberName, keys.FormatMember(member), false, "signs for this organisation"},
		{publicName, keys.FormatPublic(member.Public()), true, "this organisation's public key, for the chain's genesis"},
	}
	if err := p.makePatientKeys(); err != nil {
		return err
	}
	if p.flags.http != "" {
		p.files = append(p.files, initFile{tokenName, []byte(randomHex(32) + "\n"), false, "what callers of the HTTP interface send"})
	}
	return nil
}

// makePatientKeys makes the keys by which patients are found, if they are to be.
func (p *initPlan) makePatientKeys() (err error) {
	switch {
	case !p.flags.patients && p.flags.epochKey != "":
		return usagef("--epoch-key is of --patients; add that, or drop it")
	case !p.flags.patients:
		return nil
	case p.flags.preset == "":
		return usagef("--patients is of a preset: add --preset, or write the section patients yourself, as configs/emrbchain.yaml shows it")
	case p.flags.epochKey != "":
		p.epoch, err = readKeyFile(p.flags.epochKey, vid.ParseKeyed)
	default:
		p.epoch, err = vid.GenerateKeyed(rand.Reader, 1)
	}
	if err != nil {
		return err
	}
	site, err := vid.GenerateSite(rand.Reader)
	if err != nil {
		return err
	}
	p.files = append(p.files,
		initFile{siteName, vid.FormatSite(site), false, "makes this site's patient ids; keep a copy in another place: with another one every id is another"},
		initFile{epochName, vid.FormatKeyed(p.epoch), false, "the members' common key of patient ids: emrbchain keys epoch wrap hands it over"})
	return nil
}

// readMemberKey reads the member's key, or makes one.
func (f *initFlags) readMemberKey() (*keys.Member, error) {
	if f.memberKey == "" {
		return keys.GenerateMember()
	}
	file, err := absolute(f.memberKey, "")
	if err != nil {
		return nil, err
	}
	text, err := config.SecretFile(file).Read()
	if err != nil {
		return nil, fmt.Errorf("--member-key: %w", err)
	}
	member, err := keys.ParseMember(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("--member-key: %s: %w; name the file member.key of an earlier init", file, err)
	}
	return member, nil
}

// checkMade parses the configuration as the sidecar will. What is wrong with it
// came from a flag.
func checkMade(text string) error {
	_, err := config.Parse(configName, []byte(text))
	var mistakes *config.Error
	if !errors.As(err, &mistakes) {
		return err
	}
	reasons := make([]string, len(mistakes.Problems))
	for i, problem := range mistakes.Problems {
		reasons[i] = fmt.Sprintf("%s: %s; %s", problem.Thing, problem.Reason, problem.Mend)
	}
	return usagef("the configuration would be wrong:\n  %s", strings.Join(reasons, "\n  "))
}

// make makes everything. On an error it takes away what it had made.
func (p *initPlan) make() (err error) {
	var made []string
	defer func() {
		if err != nil {
			err = errors.Join(err, unmake(made))
		}
	}()
	if err := os.MkdirAll(p.directory, 0o700); err != nil {
		return err
	}
	made = append(made, p.directory)
	for _, f := range p.files {
		mode := os.FileMode(0o600)
		if f.public {
			mode = 0o644
		}
		if err := writeNew(p.file(f.name), f.content, mode); err != nil {
			return err
		}
	}
	made = append(made, p.logDirectory)
	if err := recordlog.Create(p.logDirectory, p.origin, recordlog.Options{Wrapping: p.wrapping}); err != nil {
		return fmt.Errorf("create the record log: %w", err)
	}
	return nil
}

// unmake takes directories away. They were empty or absent before (checkEmpty),
// so that nothing of anybody else's goes with them.
func unmake(directories []string) (err error) {
	for _, directory := range directories {
		err = errors.Join(err, os.RemoveAll(directory))
	}
	return err
}

// report says what was made and what to do next.
func (p *initPlan) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Made in %s:\n", p.directory)
	for _, f := range p.files {
		fmt.Fprintf(&b, "  %-18s %s\n", f.name, f.purpose)
	}
	fmt.Fprintf(&b, "and the empty record log %s, of id %s.\n", p.logDirectory, p.logID)
	file := p.file(configName)
	fmt.Fprintf(&b, "\nNext:\n1. %s\n\n%s\n", p.source.advice, indent(p.source.sql))
	fmt.Fprintf(&b, "2. Give %s to whoever founds the chain %s; it stands in its genesis as member %s.\n",
		p.file(publicName), p.flags.chain, p.flags.member)
	fmt.Fprintf(&b, "3. emrbchain check-config %s\n4. emrbchain run --config %s\n5. emrbchain status --config %s\n", file, file, file)
	return b.String()
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
}

// randomHex returns n random bytes in hex.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
