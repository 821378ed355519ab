package mysql

import (
	"os"
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// optionSections are the sections of an option file that are read, the later
// ones over the earlier: those of MariaDB's own clients, and one of ours.
func optionSections() []string {
	return []string{"client", "client-server", "client-mariadb", "emrbchain"}
}

// readOptionFile reads the options that concern a connection from a file in the
// form of my.cnf. Others are left alone, as every client does.
func readOptionFile(path string) (map[string]string, error) {
	const thing = "settings: defaults_file"
	path, err := secretPath(path)
	if err != nil {
		return nil, tap.NewSetupError(thing, err.Error(), "write an absolute path")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, tap.NewSetupError(thing, fileReason(err), "name an option file that the tap may read")
	}
	options, line, reason := parseOptions(string(text))
	if reason != "" {
		return nil, tap.NewSetupError(thing, path+", line "+strconv.Itoa(line)+": "+reason, "write it as other MariaDB clients read it")
	}
	if options["password"] != "" {
		if err := checkPrivate(thing, path); err != nil {
			return nil, err
		}
	}
	return options, nil
}

// parseOptions parses the text of an option file, or says which line is wrong
// and why.
func parseOptions(text string) (options map[string]string, line int, reason string) {
	bySection := make(map[string]map[string]string)
	section := ""
	for raw := range strings.Lines(text) {
		line++
		content := strings.TrimSpace(raw)
		switch {
		case content == "" || content[0] == '#' || content[0] == ';':
		case content[0] == '!':
			return nil, line, "it includes other files, which are not followed"
		case content[0] == '[':
			name, _, closed := strings.Cut(content[1:], "]")
			if !closed {
				return nil, line, "the name of a section is not closed"
			}
			section = strings.TrimSpace(name)
		case section == "":
			return nil, line, "it stands before the first section"
		default:
			if bySection[section] == nil {
				bySection[section] = make(map[string]string)
			}
			name, value := parseOption(content)
			bySection[section][name] = value
		}
	}
	options = make(map[string]string)
	for _, name := range optionSections() {
		for option, value := range bySection[name] {
			options[option] = value
		}
	}
	return options, 0, ""
}

// parseOption parses a line of a section; an option without a value is "1".
func parseOption(line string) (name, value string) {
	line = withoutComment(line)
	name, value, given := strings.Cut(line, "=")
	name = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
	if !given {
		return name, "1"
	}
	value = strings.TrimSpace(value)
	if n := len(value); n > 1 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'') {
		value = value[1 : n-1]
	}
	return name, unescape(value)
}

// withoutComment drops a comment at the end of a line; in quotes # is itself.
func withoutComment(line string) string {
	var quote byte
	for i := 0; i < len(line); i++ {
		switch b := line[i]; {
		case b == '\\' && quote != 0:
			i++
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == '#':
			return line[:i]
		}
	}
	return line
}

// unescape resolves the escapes of option files; any other keeps its backslash.
func unescape(value string) string {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' || i+1 == len(value) {
			b.WriteByte(value[i])
			continue
		}
		i++
		at := strings.IndexByte(`btnrs\'"`, value[i])
		if at < 0 {
			b.WriteByte('\\')
			b.WriteByte(value[i])
			continue
		}
		b.WriteByte("\b\t\n\r \\'\""[at])
	}
	return b.String()
}

// addDefaults reads the option file, if there is one.
func (s *settings) addDefaults() error {
	if s.DefaultsFile == "" {
		return nil
	}
	options, err := readOptionFile(s.DefaultsFile)
	if err != nil {
		return err
	}
	return s.addOptions(options)
}

// addOptions takes over from an option file what the settings leave open.
func (s *settings) addOptions(options map[string]string) error {
	if s.User == "" {
		s.User = options["user"]
	}
	if s.PasswordFile == "" {
		s.password = options["password"]
	}
	if s.Host == "" && s.Port == 0 && s.Socket == "" {
		s.Host, s.Socket = options["host"], options["socket"]
		if port, given := options["port"]; given {
			number, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				return tap.NewSetupError("settings: defaults_file", "its port is not a number up to 65535", "correct it")
			}
			s.Port = uint16(number)
		}
		if s.Socket != "" { // which clients take before host and port
			s.Host, s.Port = "", 0
		}
	}
	s.addTLS(options)
	return nil
}

// addTLS takes over how the connection is encrypted. Whoever names an authority
// wants the server's certificate checked against it.
func (s *settings) addTLS(options map[string]string) {
	if s.TLSCA == "" {
		s.TLSCA = options["ssl-ca"]
	}
	if s.TLSCert == "" && s.TLSKey == "" {
		s.TLSCert, s.TLSKey = options["ssl-cert"], options["ssl-key"]
	}
	if s.TLS != "" {
		return
	}
	verify := options["ssl-verify-server-cert"] + options["ssl-verify"]
	switch mode := strings.ToUpper(options["ssl-mode"]); {
	case isOff(options["ssl"]) || options["skip-ssl"] == "1" || mode == "DISABLED":
		s.TLS = tlsOff
	case verify != "" && !isOff(verify) || s.TLSCA != "" && verify == "" || strings.HasPrefix(mode, "VERIFY"):
		s.TLS = tlsVerify
	case options["ssl"] != "" || mode == "REQUIRED" || s.TLSCert != "":
		s.TLS = tlsRequired
	}
}

func isOff(value string) bool { return is("0", "OFF", "FALSE", "NO")(value) }
