// Package ingest ships a test helper (rule 8).
package ingest

import (
	_ "github.com/emrbchain/emrbchain/adapter/internal/recordlog/logtest"
)
