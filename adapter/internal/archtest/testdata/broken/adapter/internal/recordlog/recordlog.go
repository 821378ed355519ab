// Package recordlog stands on a stage (rule 7).
package recordlog

import (
	_ "github.com/emrbchain/emrbchain/adapter/internal/anchoring"
)
