// Package tap knows the adapter (rule 2).
package tap

import (
	_ "github.com/emrbchain/emrbchain/adapter/internal/recordlog"
)
