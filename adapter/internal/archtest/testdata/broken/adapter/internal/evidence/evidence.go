// Package evidence knows the record log (rule 7).
package evidence

import (
	_ "github.com/emrbchain/emrbchain/adapter/internal/recordlog"
)
