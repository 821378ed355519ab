// Package vid reads the clock and the disk (pure).
package vid

import (
	_ "os"
	_ "time"
)
