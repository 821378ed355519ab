package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
)

// The exit codes.
const (
	exitFailure       = 1
	exitUsage         = 2
	exitFindings      = 3
	exitConfiguration = 78 // EX_CONFIG of sysexits.h
)

// An exitCode ends the program where everything was said already.
type exitCode int

// Error is not printed.
func (c exitCode) Error() string { return fmt.Sprintf("exit %d", int(c)) }

// A usageError says that a command was called wrongly.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// usagef returns a usageError.
func usagef(format string, arguments ...any) error {
	return usageError{fmt.Errorf(format, arguments...)}
}

// report prints why a command failed and returns the exit code.
func report(command *cobra.Command, err error) int {
	var code exitCode
	var usage usageError
	var configuration *config.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		command.PrintErrf("%s: %v\nSee `%s --help`.\n", command.CommandPath(), err, command.CommandPath())
		return exitUsage
	case errors.As(err, &configuration):
		command.PrintErrln(err)
		return exitConfiguration
	}
	command.PrintErrf("%s: %v\n", command.CommandPath(), err)
	return exitFailure
}
