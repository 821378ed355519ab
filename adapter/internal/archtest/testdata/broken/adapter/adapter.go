// Package adapter knows a concrete tap (rule 5).
package adapter

import (
	_ "github.com/emrbchain/emrbchain/plugins/mysql"
)
