// Package sqlite reaches the chain (rule 4).
package sqlite

import (
	_ "github.com/emrbchain/emrbchain/chain/rules"
)
