// Package row reaches out of crypto (rule 1).
package row

import (
	_ "github.com/emrbchain/emrbchain/chain/rules"
)
