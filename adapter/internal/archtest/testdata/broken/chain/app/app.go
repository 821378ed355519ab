// Package app knows the adapter (rule 3).
package app

import (
	_ "github.com/emrbchain/emrbchain/adapter/internal/rows"
)
