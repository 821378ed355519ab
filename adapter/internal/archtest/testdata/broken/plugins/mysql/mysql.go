// Package mysql knows commitments (rule 2).
package mysql

import (
	_ "github.com/emrbchain/emrbchain/crypto/commit"
)
