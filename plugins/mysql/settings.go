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
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// settings is the tap's section of the configuration.
type settings struct {
	Host         string `json:"host"`
	Port         uint16 `json:"port"`
	Socket       string `json:"socket"`
	User         string `json:"user"`
	PasswordFile string `json:"password_file"`
	TLS          string `json:"tls"`
	TLSCA        string `json:"tls_ca"`
	ServerID     uint32 `json:"server_id"`
	// AcceptNotDurable lets the tap follow a server that may lose commits in a
	// crash; each restart of the server is then a gap.
	AcceptNotDurable bool `json:"accept_not_durable"`
	// SpillDirectory takes, in files without a name, transactions that are too
	// large for memory.
	SpillDirectory string `json:"spill_directory"`

	password string
	tls      *tls.Config
}

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
  "required": ["user"],
  "properties": {
    "host": {"type": "string", "description": "Host name or address of the server", "default": "127.0.0.1"},
    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 3306},
    "socket": {"type": "string", "description": "Path of the server's unix socket, instead of host and port"},
    "user": {"type": "string", "description": "The tap's own account"},
    "password_file": {"type": "string", "description": "File that holds the account's password"},
    "tls": {"enum": ["off", "required", "verify"], "description": "off: not encrypted; required: encrypted, certificate not checked; verify: encrypted and checked. Default: off on this machine, verify to any other"},
    "tls_ca": {"type": "string", "description": "PEM file of the authorities to check against; default: the system's"},
    "server_id": {"type": "integer", "minimum": 1, "maximum": 4294967295, "description": "Replication id, unique among the server and its replicas; default: random at each start"},
    "accept_not_durable": {"type": "boolean", "default": false, "description": "Follow a server that may lose commits in a crash; each restart of it is then a gap"},
    "spill_directory": {"type": "string", "description": "Directory for transactions too large for memory, in encrypted files without a name; default: TMPDIR, else /tmp"}
  }
}`

// readSettings checks the section and opens the files that it names. Its error
// is a *tap.SetupError.
func readSettings(section json.RawMessage) (*settings, error) {
	s := &settings{}
	decoder := json.NewDecoder(bytes.NewReader(section))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, tap.NewSetupError("settings", "they are not a valid section: "+err.Error(),
			"compare them with the commented reference configuration")
	}
	if err := s.complete(); err != nil {
		return nil, err
	}
	if err := s.readPassword(); err != nil {
		return nil, err
	}
	if err := s.readTLS(); err != nil {
		return nil, err
	}
	if err := checkSpillDirectory(s.SpillDirectory); err != nil {
		return nil, err
	}
	return s, nil
}

// complete fills in defaults and checks what goes together.
func (s *settings) complete() error {
	switch {
	case s.User == "":
		return tap.NewSetupError("settings: user", "it is missing", "name the tap's own account")
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
		s.ServerID = randomServerID()
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

func (s *settings) readPassword() error {
	if s.PasswordFile == "" {
		return nil
	}
	b, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		return tap.NewSetupError("settings: password_file", fileReason(err),
			"put the password of the tap's account into the file and let only the tap read it")
	}
	if info, err := os.Stat(s.PasswordFile); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
		return tap.NewSetupError("settings: password_file", "every user of this host may read or change "+s.PasswordFile,
			"chmod 0600 "+s.PasswordFile)
	}
	s.password = strings.TrimRight(string(b), "\r\n")
	return nil
}

func (s *settings) readTLS() error {
	switch s.TLS {
	case tlsOff:
		return nil
	case tlsRequired:
		s.tls = &tls.Config{InsecureSkipVerify: true}
		return nil
	case tlsVerify:
	default:
		return tap.NewSetupError("settings: tls", "it is none of the choices", "use off, required or verify")
	}
	s.tls = &tls.Config{ServerName: s.Host}
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
