// Command emrbchain-verify checks an evidence file offline: for a court, an
// insurer, a patient. It needs the file and a trust file, and nothing else: no
// network, no database, no account, nobody's permission.
package main

import (
	"os"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence/verifycmd"
)

func main() {
	os.Exit(verifycmd.Run("emrbchain-verify", os.Args[1:], os.Stdout, os.Stderr))
}
