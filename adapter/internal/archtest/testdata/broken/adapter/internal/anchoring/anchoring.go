// Package anchoring breaks nothing.
package anchoring

import (
	_ "github.com/emrbchain/emrbchain/adapter/internal/recordlog"
)
