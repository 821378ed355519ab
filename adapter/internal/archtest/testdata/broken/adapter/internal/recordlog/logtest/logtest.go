// Package logtest is a test helper and breaks nothing.
package logtest

import (
	_ "testing"
)
