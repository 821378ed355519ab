// Package control names CometBFT (rule 6) and a stage (rule 7).
package control

import (
	_ "github.com/cometbft/cometbft/types"
	_ "github.com/emrbchain/emrbchain/adapter/internal/audit"
)
