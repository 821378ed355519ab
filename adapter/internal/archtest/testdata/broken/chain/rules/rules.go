// Package rules asks for a context (pure).
package rules

import (
	_ "context"
	_ "time"
)
