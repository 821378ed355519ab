// Package audit knows another stage (rule 7).
package audit

import (
	_ "github.com/emrbchain/emrbchain/adapter/internal/anchoring"
)
