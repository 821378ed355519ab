// Package mariadbtest is a test helper and breaks nothing.
package mariadbtest

import (
	_ "testing"
)
