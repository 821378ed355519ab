package sqlite

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// setupError says what keeps the file from being read, and the mend.
func setupError(path string, err error) error {
	reason, mend := "it cannot be read: "+err.Error(), "check the file with sqlite3 and PRAGMA integrity_check"
	switch c := code(err); {
	case isUnrecovered(err):
		reason = "its last writer died, and only a writer may recover it"
		mend = "start the application, which recovers it, and start the tap again"
	case errors.Is(err, fs.ErrNotExist):
		reason, mend = "there is no such file", "set path to the application's database file"
	case errors.Is(err, fs.ErrPermission), c == codePerm, c == codeCantOpen, c == codeReadOnly:
		reason = "the tap may not read it"
		mend = "give the tap's user read access to the file, to -wal and -shm beside it, and to the directory"
	case errors.Is(err, errNotRegular):
		reason, mend = "it is not a regular file", "set path to the application's database file"
	case c == codeNotADB, c == codeCorrupt:
		reason, mend = "it is not an SQLite database, or it is encrypted or damaged", "set path to the application's database file"
	case isBusy(err):
		reason = "another connection holds it locked"
		mend = "let the application use PRAGMA locking_mode=NORMAL, and start the tap again"
	}
	return tap.NewSetupError("database "+path, reason, mend)
}

// problems lists what must be mended before the tap can cover the tables.
func (c *catalog) problems(path string) []tap.Problem {
	var list []tap.Problem
	var install []tap.Table
	var reasons []string
	if c.outbox.problem != "" {
		reasons = append(reasons, c.outbox.problem)
	}
	for _, name := range c.order {
		t := c.tables[name]
		switch {
		case t.missing != "":
			list = append(list, tap.Problem{Thing: "table " + name, Reason: t.missing, Mend: "correct the name in the configuration"})
		case t.table.Refused == "":
			install = append(install, *t.table)
			if t.problem != "" {
				reasons = append(reasons, t.problem)
			}
		}
	}
	if len(reasons) > 0 {
		list = append(list, tap.Problem{
			Thing: "triggers in " + path, Reason: strings.Join(reasons, "; "),
			Mend: "as the owner of the database run this SQL, for instance with the sqlite3 command:\n" +
				InstallSQL(install, DefaultKeep),
		})
	}
	return list
}
