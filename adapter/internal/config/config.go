// Package config reads the sidecar's configuration: one YAML file, checked
// whole before anything starts.
//
// Load is strict. A field that it does not know is refused, with the name that
// was probably meant; a value out of range is refused, with the range. Every
// mistake is told at once, each with its line and column, the thing, the reason
// and the mend, so that an operator reads one list instead of starting ten
// times. configs/emrbchain.yaml is the reference with a comment for each field.
//
// The file never holds a secret. A field that ends in _file names one: an
// absolute path, or a plain name that stands in the directory which systemd
// gives the process for its credentials ($CREDENTIALS_DIRECTORY).
package config

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Config is the whole file.
type Config struct {
	Log      Log      `yaml:"log"`
	Chain    Chain    `yaml:"chain"`
	Source   Source   `yaml:"source"`
	Patients Patients `yaml:"patients"`
	Peers    Peers    `yaml:"peers"`
	Audit    Audit    `yaml:"audit"`
	HTTP     HTTP     `yaml:"http"`
	Control  Control  `yaml:"control"`
	Logging  Logging  `yaml:"logging"`
}

// Log is the record log: the sidecar's only store.
type Log struct {
	Directory       string     `yaml:"directory"`
	WrappingKeyFile SecretFile `yaml:"wrapping_key_file"` // wraps the owner keys
	LogKeyFile      SecretFile `yaml:"log_key_file"`      // signs the checkpoints
}

// Chain says which chain anchors the log, and how often.
type Chain struct {
	ID            string        `yaml:"id"`
	RPC           string        `yaml:"rpc"`    // base URL of a node's RPC
	Member        string        `yaml:"member"` // this organisation's name on the chain
	MemberKeyFile SecretFile    `yaml:"member_key_file"`
	LogID         string        `yaml:"log_id"`     // 32 lower-case hex digits
	TrustFile     string        `yaml:"trust_file"` // empty: none was exchanged
	Cadence       time.Duration `yaml:"cadence"`
	PadTo         uint64        `yaml:"pad_to"` // anchored sizes are multiples of it
}

// Source is the tapped database and the tap that reads it. A tap is one of
// three: built in (neither Manifest nor Socket), started by the sidecar from a
// manifest, or run by systemd (Socket).
type Source struct {
	Name     string          `yaml:"name"`
	Tap      string          `yaml:"tap"`
	Manifest string          `yaml:"manifest"` // names the tap's command, pins its files by checksum
	Socket   string          `yaml:"socket"`
	Settings json.RawMessage `yaml:"settings"` // the tap's own section, as JSON
	Tables   []Table         `yaml:"tables"`
	// MaxRowsPerSecond bounds what snapshots and audits read; 0 is no limit.
	MaxRowsPerSecond int `yaml:"max_rows_per_second"`
}

// Table is one table to tap.
type Table struct {
	Name string `yaml:"name"`
	// Patient says which patient a row belongs to.
	Patient Patient `yaml:"patient"`
	// Nobody says that rows of the table belong to no patient.
	Nobody bool `yaml:"nobody"`
	// ClinicalDate is the column that says when that happened which a row tells of.
	ClinicalDate string `yaml:"clinical_date"`
	// LateAfter is how long after its clinical date a row may first be logged.
	LateAfter time.Duration `yaml:"late_after"`
	Final     Final         `yaml:"final"`
}

// Final says which rows of a table are final, so that a change of them is a
// finding.
type Final struct {
	Column    string        `yaml:"column"`     // that says so
	Values    []string      `yaml:"values"`     // by which it does
	After     time.Duration `yaml:"after"`      // or how long after its clinical date a row is final
	MayChange []string      `yaml:"may_change"` // columns that may change all the same
}

// Patient leads from a row to its patient. In the file it is the name of a
// column with the EMR's own key of the patient, or a section that names a column
// and the table to whose key it refers: the row is then whose that row is.
type Patient struct {
	Column string `yaml:"via"`
	To     string `yaml:"to"` // empty: the column holds the patient's key
}

// Audit says when the source is read again and compared with the log.
type Audit struct {
	Every     time.Duration `yaml:"every"`
	ChunkRows int           `yaml:"chunk_rows"`
}

// HTTP is the interface for machines beside the sidecar.
type HTTP struct {
	Listen    string     `yaml:"listen"` // empty: no HTTP interface
	TokenFile SecretFile `yaml:"token_file"`
}

// Control is the interface for the commands on the same host.
type Control struct {
	Socket string `yaml:"socket"`
}

// Logging is the sidecar's own diary.
type Logging struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// Default returns what holds where the file says nothing.
func Default() Config {
	return Config{
		Log:     Log{Directory: "/var/lib/emrbchain"},
		Chain:   Chain{Cadence: time.Minute, PadTo: 16},
		Audit:   Audit{Every: 24 * time.Hour, ChunkRows: 2000},
		HTTP:    HTTP{Listen: "127.0.0.1:8470"},
		Control: Control{Socket: "/run/emrbchain/control.sock"},
		Logging: Logging{Level: "info", Format: "json"},
	}
}

// maxFile bounds the file, in bytes.
const maxFile = 1 << 20

// Load reads and checks the file. Its error is an *Error, unless the file
// cannot be read.
func Load(file string) (*Config, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("read configuration: %s is not a file of at most %d bytes", file, maxFile)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(file, text)
}

// Parse checks the text of a configuration; name is what errors call the file.
func Parse(name string, text []byte) (*Config, error) {
	c := Default()
	d := decode(text, &c)
	if !d.broken {
		check(&c, d)
	}
	if len(d.problems) > 0 {
		return nil, d.failure(name)
	}
	return &c, nil
}
