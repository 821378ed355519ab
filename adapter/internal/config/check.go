package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of what the file may ask for.
const (
	minCadence, maxCadence = time.Second, time.Hour
	maxPadTo               = 1 << 20
	minEvery, maxEvery     = time.Minute, 31 * 24 * time.Hour
	maxChunkRows           = 100_000
	maxRowsPerSecond       = 10_000_000
	maxSocketPath          = 107 // bytes, of the kernel's sockaddr_un
)

// nameForm is what rules.ValidID asks of the ids of chains and members. Names of
// sources and taps, which stand in the names of units, follow it too.
const nameForm = "1 to 40 lower-case letters, digits and inner hyphens"

// check notes every value that cannot work, with the place where it stands.
func check(c *Config, d *decoder) {
	d.checkLog(&c.Log)
	d.checkChain(&c.Chain)
	d.checkSource(&c.Source)
	d.checkTables(c.Source.Tables)
	d.checkPatients(c)
	d.checkPeers(c)
	d.checkRange("audit.every", c.Audit.Every, minEvery, maxEvery)
	if n := c.Audit.ChunkRows; n < 1 || n > maxChunkRows {
		d.mistake("audit.chunk_rows", fmt.Sprintf("is %d", n), fmt.Sprintf("choose 1 to %d rows", maxChunkRows))
	}
	d.checkHTTP(&c.HTTP)
	d.checkSocket("control.socket", c.Control.Socket)
	d.checkChoice("logging.level", c.Logging.Level, "debug", "info", "warn", "error")
	d.checkChoice("logging.format", c.Logging.Format, "json", "console")
}

func (d *decoder) checkLog(l *Log) {
	d.checkPath("log.directory", l.Directory, "name the directory of the record log")
	d.required("log.wrapping_key_file", string(l.WrappingKeyFile), "name the file that `emrbchain init` wrote")
	d.required("log.log_key_file", string(l.LogKeyFile), "name the file that `emrbchain init` wrote")
	d.checkDistinct("log.log_key_file", l.LogKeyFile, "log.wrapping_key_file", l.WrappingKeyFile)
}

func (d *decoder) checkChain(c *Chain) {
	d.checkName("chain.id", c.ID, "name the chain as its genesis file does")
	d.checkName("chain.member", c.Member, "name this organisation as the chain does")
	d.required("chain.member_key_file", string(c.MemberKeyFile), "name the file of the member's signing key")
	d.checkRPC(c.RPC)
	if d.required("chain.log_id", c.LogID, "write the id that `emrbchain init` printed") &&
		!regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(c.LogID) {
		d.mistake("chain.log_id", "is not a log's id", "write the 32 lower-case hex digits that `emrbchain init` printed")
	}
	if c.TrustFile != "" {
		d.checkPath("chain.trust_file", c.TrustFile, "")
	}
	d.checkRange("chain.cadence", c.Cadence, minCadence, maxCadence)
	if c.PadTo < 1 || c.PadTo > maxPadTo {
		d.mistake("chain.pad_to", fmt.Sprintf("is %d", c.PadTo),
			fmt.Sprintf("choose 1 (no padding) to %d entries", maxPadTo))
	}
}

func (d *decoder) checkRPC(address string) {
	if !d.required("chain.rpc", address, "write the address of a node, such as http://127.0.0.1:26657") {
		return
	}
	u, err := url.Parse(address)
	const mend = "write it as http://host:port"
	switch {
	case err != nil:
		d.mistake("chain.rpc", "is not an address", mend)
	case u.User != nil:
		d.mistake("chain.rpc", "holds a password", "the file must hold no secret: "+mend)
	case u.Scheme != "http":
		d.mistake("chain.rpc", "is not http, which alone a node's RPC speaks", mend+"; run a node on this host, or a tunnel to one")
	case u.Hostname() == "" || u.Port() == "" || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		d.mistake("chain.rpc", "is not just a host and a port", mend)
	}
}

func (d *decoder) checkSource(s *Source) {
	d.checkName("source.name", s.Name, "name the database in a word, for status and reports")
	d.checkName("source.tap", s.Tap, "name the tap: mysql, sqlite, or the one of your vendor")
	if s.Socket != "" {
		d.checkSocket("source.socket", s.Socket)
	}
	if s.Manifest != "" {
		d.checkPath("source.manifest", s.Manifest, "")
	}
	if s.Manifest != "" && s.Socket != "" {
		d.mistake("source.socket", "stands beside source.manifest", "keep manifest (the sidecar starts the tap) or socket (systemd does)")
	}
	if n := s.MaxRowsPerSecond; n < 0 || n > maxRowsPerSecond {
		d.mistake("source.max_rows_per_second", fmt.Sprintf("is %d", n),
			fmt.Sprintf("choose 1 to %d rows, or 0 for no limit", maxRowsPerSecond))
	}
	d.checkSettings(s.Settings)
}

// checkSettings refuses what looks like a secret written into the file. What
// else may stand there only the tap knows.
func (d *decoder) checkSettings(settings json.RawMessage) {
	var fields map[string]any
	if len(settings) == 0 || json.Unmarshal(settings, &fields) != nil {
		return
	}
	secret := regexp.MustCompile(`(?i)^(.*_)?(password|passwd|passphrase|secret|token|dsn|private_key)$`)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if secret.MatchString(name) {
			d.mistake("source.settings."+name, "would be a secret in this file",
				fmt.Sprintf("put it into a file of mode 0600 and name that as %s_file", name))
		}
	}
}

func (d *decoder) checkHTTP(h *HTTP) {
	if h.Listen == "" {
		if h.TokenFile != "" {
			d.mistake("http.token_file", "is of no use without http.listen", "write http.listen, or drop the token file")
		}
		return
	}
	d.required("http.token_file", string(h.TokenFile), "name the file of the token that callers send, or write listen: \"\" for no HTTP")
	host, port, err := net.SplitHostPort(h.Listen)
	if err != nil || port == "" {
		d.mistake("http.listen", "is not host:port", "write 127.0.0.1:8470")
		return
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		d.mistake("http.listen", "has no valid port", "choose a port from 1 to 65535")
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		d.mistake("http.listen", "would be reached from other hosts, without TLS",
			"write 127.0.0.1 and let a proxy with TLS stand before it")
	}
}
