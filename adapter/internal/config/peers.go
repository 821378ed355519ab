package config

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/chain/rules"
)

// Peers says how this sidecar and those of other members speak to each other. A
// file without this section has none of it.
type Peers struct {
	Listen            string       `yaml:"listen"`
	Endpoint          string       `yaml:"endpoint"` // host:port by which others reach it
	TLSKeyFile        SecretFile   `yaml:"tls_key_file"`
	RecipientKeyFiles []SecretFile `yaml:"recipient_key_files"` // the preferred first
	Answers           []Answers    `yaml:"answers"`
}

// Any reports whether members speak to each other.
func (p *Peers) Any() bool { return p.Listen != "" }

// Answers says which queries of a member are answered.
type Answers struct {
	Member    string   `yaml:"member"` // AnyMember: each that has no item of its own
	Purposes  []string `yaml:"purposes"`
	MaxPerDay uint64   `yaml:"max_per_day"`
}

// AnyMember stands for each member that has no item of its own.
const AnyMember = "*"

const (
	maxRecipientKeys = 4 // of a contact on the chain
	maxAnswers       = 100_000
)

func (d *decoder) checkPeers(c *Config) {
	if _, written := d.places["peers"]; !written {
		return
	}
	p := &c.Peers
	d.checkAddress("peers.listen", p.Listen, "write the address to listen at, such as 0.0.0.0:8471")
	if d.checkAddress("peers.endpoint", p.Endpoint, "write the name and port by which other members reach this sidecar, such as emr.north.example:8471") &&
		(strings.HasPrefix(p.Endpoint, ":") || p.Endpoint != strings.ToLower(p.Endpoint)) {
		d.mistake("peers.endpoint", "is not a host in lower case and a port", "write the name and port by which other members reach this sidecar")
	}
	if d.required("peers.tls_key_file", string(p.TLSKeyFile), "name the file that `emrbchain keys tls new` wrote") {
		d.checkDistinct("peers.tls_key_file", p.TLSKeyFile, "chain.member_key_file", c.Chain.MemberKeyFile)
	}
	if n := len(p.RecipientKeyFiles); (n == 0 || n > maxRecipientKeys) && !d.refused("peers.recipient_key_files") {
		d.mistake("peers.recipient_key_files", fmt.Sprintf("lists %d files", n),
			fmt.Sprintf("list 1 to %d files that `emrbchain keys recipient new` wrote, the preferred one first", maxRecipientKeys))
	}
	for i := range p.Answers {
		d.checkAnswers(fmt.Sprintf("peers.answers[%d]", i), c, i)
	}
}

// checkAddress reports whether a field is host:port, and notes it if not.
func (d *decoder) checkAddress(thing, value, mend string) bool {
	if !d.required(thing, value, mend) {
		return false
	}
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" || port == "0" {
		d.mistake(thing, "is not host:port", mend)
		return false
	}
	return true
}

func (d *decoder) checkAnswers(at string, c *Config, n int) {
	a := &c.Peers.Answers[n]
	if d.refused(at) {
		return
	}
	if a.Member != AnyMember {
		d.checkName(at+".member", a.Member, `name the member as the chain does, or "*" for each that has no item of its own`)
	}
	if a.Member == c.Chain.Member && a.Member != "" {
		d.mistake(at+".member", "is this member itself", "list other members")
	}
	if slices.ContainsFunc(c.Peers.Answers[:n], func(before Answers) bool { return before.Member == a.Member }) {
		d.mistake(at+".member", "has an item already", "put all that it may ask into one item")
	}
	unknown := func(p string) bool { _, err := rules.ParsePurpose(p); return err != nil }
	if len(a.Purposes) == 0 || slices.ContainsFunc(a.Purposes, unknown) {
		d.mistake(at+".purposes", "is not a list of purposes", "list some of TREAT, ETREAT, BTG, HPAYMT, HOPERAT, HRESCH, PATRQT")
	}
	if a.MaxPerDay < 1 || a.MaxPerDay > maxAnswers {
		d.mistake(at+".max_per_day", fmt.Sprintf("is %d", a.MaxPerDay),
			fmt.Sprintf("choose 1 to %d queries, or drop the item: who has none is answered nothing", maxAnswers))
	}
}
