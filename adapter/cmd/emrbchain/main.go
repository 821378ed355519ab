// Command emrbchain is the one program of EMRBchain: the sidecar beside an
// EMR's database, a node of the chain, the built-in taps, and the commands of
// the people who operate and audit them.
//
// Each command has a file of its own that parses flags, calls a package and
// prints; what the program does stands in those packages. Commands for a
// running sidecar speak to its control socket and hold nothing themselves.
//
// A failure is one line on standard error that names the thing, the reason and
// the mend. The exit code says its kind: 0 success, 1 failure, 2 wrong use of a
// command, 3 findings, 78 a mistake in the configuration. No flag takes a
// secret, since every user of a host may read a process's arguments; flags and
// the configuration name files of secrets.
package main

import (
	"context"
	"io"
	"os"
)

func main() {
	os.Exit(execute(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs the command that the arguments name and returns its exit code.
func execute(ctx context.Context, arguments []string, out, errors io.Writer) int {
	root := newRoot()
	root.SetArgs(arguments)
	root.SetOut(out)
	root.SetErr(errors)
	command, err := root.ExecuteContextC(ctx)
	return report(command, err)
}
