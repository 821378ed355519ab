package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// each calls a function with every command that does something.
func each(command *cobra.Command, call func(*cobra.Command)) {
	if !command.HasSubCommands() {
		call(command)
	}
	for _, child := range command.Commands() {
		each(child, call)
	}
}

// Every user of a host may read the arguments of its processes.
func TestNoFlagTakesASecret(t *testing.T) {
	secret := regexp.MustCompile(`password|passphrase|secret|token|dsn|key`)
	harmless := map[string]bool{"key": true, "member-key": true, "epoch-key": true, "password-file": true} // a row's key; names of files
	flag := regexp.MustCompile(`--([a-z-]+)`)
	seen := 0
	each(newRoot(), func(c *cobra.Command) {
		for _, match := range flag.FindAllStringSubmatch(c.LocalFlags().FlagUsages(), -1) {
			seen++
			if secret.MatchString(match[1]) && !harmless[match[1]] {
				t.Errorf("%s --%s", c.CommandPath(), match[1])
			}
		}
	})
	if seen < 40 {
		t.Errorf("only %d flags seen", seen)
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	each(newRoot(), func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short text %q", c.CommandPath(), c.Short)
		}
		if c.HasFlags() && c.Example == "" && c.Name() != "version" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Long) {
			if len(line) > 81 {
				t.Errorf("%s: long line %q", c.CommandPath(), line)
			}
		}
	})
}
