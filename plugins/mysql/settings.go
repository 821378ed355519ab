package mysql

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// settings is the tap's section of the configuration.
type settings struct {
	Host         string `json:"host"`
	Port         uint16 `json:"port"`
	Socket       string `json:"socket"`
	User         string `json:"user"`
	PasswordFile string `json:"password_file"`
	// DefaultsFile is an option file, as MariaDB's own clients read it, for what
	// the settings above and below leave open.
	DefaultsFile string `json:"defaults_file"`
	TLS          string `json:"tls"`
	TLSCA        string `json:"tls_ca"`
	TLSCert      string `json:"tls_cert"` // of the tap, where the account demands one
	TLSKey       string `json:"tls_key"`
	ServerID     uint32 `json:"server_id"`
	// AcceptNotDurable lets the tap follow a server that may lose commits in a
	// crash; each restart of the server is then a gap.
	AcceptNotDurable bool `json:"accept_not_durable"`
	// SpillDirectory takes, in files without a name, transactions that are too
	// large for memory.
	SpillDirectory string `json:"spill_directory"`
	// SurviveOutage is for how long the sidecar may stand still without a gap; a
	// survey holds the server's retention against it.
	SurviveOutage string `json:"survive_outage"`
	// MaxThreadsRunning is above how many running threads of the server reads of
	// tables wait; 0 is no limit.
	MaxThreadsRunning int `json:"max_threads_running"`

	password string
	tls      *tls.Config
	randomID bool // ServerID was drawn
	outage   time.Duration
}

// defaultOutage is a long weekend.
const defaultOutage = 72 * time.Hour

// The choices of the setting tls.
const (
	tlsOff      = "off"      // not encrypted
	tlsRequired = "required" // encrypted, the server's certificate not checked
	tlsVerify   = "verify"   // encrypted and checked against tls_ca or the system's authorities
)

const settingsSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "anyOf": [{"required": ["user"]}, {"required": ["defaults_file"]}],
  "properties": {
    "host": {"type": "string", "description": "Host name or address of the server", "default": "127.0.0.1"},
    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 3306},
    "socket": {"type": "string", "description": "Path of the server's unix socket, instead of host and port"},
    "user": {"type": "string", "description": "The tap's own account"},
    "password_file": {"type": "string", "description": "File that holds the account's password"},
    "defaults_file": {"type": "string", "description": "Option file in the form of my.cnf: user, password, host, port, socket and ssl-* of its sections client and emrbchain hold where nothing is set here"},
    "tls": {"enum": ["off", "required", "verify"], "description": "off: not encrypted; required: encrypted, certificate not checked; verify: encrypted and checked. Default: off on this machine, verify to any other"},
    "tls_ca": {"type": "string", "description": "PEM file of the authorities to check against; default: the system's"},
    "tls_cert": {"type": "string", "description": "PEM file of the tap's own certificate, for an account with REQUIRE X509"},
    "tls_key": {"type": "string", "description": "PEM file of that certificate's key"},
    "server_id": {"type": "integer", "minimum": 1, "maximum": 4294967295, "description": "Replication id, unique among the server and its replicas; default: random at each start"},
    "accept_not_durable": {"type": "boolean", "default": false, "description": "Follow a server that may lose commits in a crash; each restart of it is then a gap"},
    "spill_directory": {"type": "string", "description": "Directory for transactions too large for memory, in encrypted files without a name; default: TMPDIR, else /tmp"},
    "survive_outage": {"type": "string", "default": "72h", "description": "For how long the sidecar may stand still without a gap: the server should keep its binary log for longer"},
    "max_threads_running": {"type": "integer", "minimum": 0, "default": 0, "description": "Reads of tables wait while more threads of the server run; the stream never does. 0 is no limit"}
  }
}`

// readSettings checks the section and opens the files that it names. Its error
// is a *tap.SetupError.
func readSettings(section json.RawMessage) (*settings, error) {
	s := &settings{}
	decoder := json.NewDecoder(bytes.NewReader(section))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, settingsError(err)
	}
	for _, step := range []func() error{s.addDefaults, s.complete, s.readPassword, s.readTLS} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if err := checkSpillDirectory(s.SpillDirectory); err != nil {
		return nil, err
	}
	return s, nil
}

func settingsError(err error) error {
	return tap.NewSetupError("settings", "they are not a valid section: "+err.Error(),
		"compare them with the commented reference configuration")
}

// complete fills in defaults and checks what goes together.
func (s *settings) complete() error {
	switch {
	case s.User == "":
		return tap.NewSetupError("settings: user", "it is missing", "name the tap's own account, here or in defaults_file")
	case s.Socket != "" && (s.Host != "" || s.Port != 0):
		return tap.NewSetupError("settings: socket", "it stands beside host or port", "give one or the other")
	}
	if s.Socket == "" && s.Host == "" {
		s.Host = "127.0.0.1"
	}
	if s.Socket == "" && s.Port == 0 {
		s.Port = 3306
	}
	if s.TLS == "" {
		s.TLS = tlsOff
		if s.Socket == "" && !isLoopback(s.Host) {
			s.TLS = tlsVerify
		}
	}
	if s.ServerID == 0 {
		s.ServerID, s.randomID = randomServerID(), true
	}
	return s.readOutage()
}

func (s *settings) readOutage() error {
	if s.SurviveOutage == "" {
		s.outage = defaultOutage
		return nil
	}
	var err error
	if s.outage, err = time.ParseDuration(s.SurviveOutage); err != nil || s.outage <= 0 {
		return tap.NewSetupError("settings: survive_outage", "it is not a duration", "write a number with its unit, such as 72h")
	}
	if s.SpillDirectory == "" {
		s.SpillDirectory = os.TempDir()
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// randomServerID returns an id that no other replica is likely to have. Small
// numbers are what people give by hand, so they are left to them.
func randomServerID() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:]) | 1<<31
}

// secretPath is where a file of secrets stands: a plain name in the directory
// that systemd gives the process for its credentials.
func secretPath(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	directory := os.Getenv("CREDENTIALS_DIRECTORY")
	if directory == "" {
		return "", fmt.Errorf("the plain name %s stands in $CREDENTIALS_DIRECTORY, which is not set", name)
	}
	return filepath.Join(directory, name), nil
}

func (s *settings) readPassword() error {
	const thing = "settings: password_file"
	if s.PasswordFile == "" {
		return nil
	}
	path, err := secretPath(s.PasswordFile)
	if err != nil {
		return tap.NewSetupError(thing, err.Error(), "write an absolute path")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return tap.NewSetupError(thing, fileReason(err), "put the password of the tap's account into the file and let only the tap read it")
	}
	if err := checkPrivate(thing, path); err != nil {
		return err
	}
	s.password = strings.TrimRight(string(b), "\r\n")
	return nil
}

// checkPrivate refuses a file of secrets that every user of the host may read
// or change.
func checkPrivate(thing, path string) error {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
		return tap.NewSetupError(thing, "every user of this host may read or change "+path, "chmod 0600 "+path)
	}
	return nil
}

func (s *settings) readTLS() error {
	switch s.TLS {
	case tlsOff:
		return nil
	case tlsRequired:
		s.tls = &tls.Config{InsecureSkipVerify: true}
	case tlsVerify:
		s.tls = &tls.Config{ServerName: s.Host}
	default:
		return tap.NewSetupError("settings: tls", "it is none of the choices", "use off, required or verify")
	}
	if err := s.readAuthorities(); err != nil {
		return err
	}
	return s.readCertificate()
}

func (s *settings) readAuthorities() error {
	if s.TLSCA == "" {
		return nil
	}
	pem, err := os.ReadFile(s.TLSCA)
	if err != nil {
		return tap.NewSetupError("settings: tls_ca", fileReason(err), "name a PEM file that the tap may read")
	}
	s.tls.RootCAs = x509.NewCertPool()
	if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
		return tap.NewSetupError("settings: tls_ca", "the file holds no certificate", "name a PEM file")
	}
	return nil
}

// readCertificate reads the tap's own certificate.
func (s *settings) readCertificate() error {
	if s.TLSCert == "" && s.TLSKey == "" {
		return nil
	}
	const thing = "settings: tls_cert and tls_key"
	if s.TLSCert == "" || s.TLSKey == "" {
		return tap.NewSetupError(thing, "one stands without the other", "name both files, or none")
	}
	key, err := secretPath(s.TLSKey)
	if err != nil {
		return tap.NewSetupError(thing, err.Error(), "write an absolute path")
	}
	if err := checkPrivate(thing, key); err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(s.TLSCert, key)
	if err != nil {
		return tap.NewSetupError(thing, fileReason(err), "name the PEM files of one certificate and its key")
	}
	s.tls.Certificates = []tls.Certificate{certificate}
	return nil
}

// fileReason says what is wrong with a file, with its path.
func fileReason(err error) string {
	var pathError *os.PathError
	if errors.As(err, &pathError) {
		return fmt.Sprintf("%s: %v", pathError.Path, pathError.Err)
	}
	return err.Error()
}

// network returns how to reach the server.
func (s *settings) network() (network, address string) {
	if s.Socket != "" {
		return "unix", s.Socket
	}
	return "tcp", net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port)))
}
