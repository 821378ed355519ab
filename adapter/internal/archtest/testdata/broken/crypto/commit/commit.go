// Package commit breaks nothing.
package commit

import (
	_ "errors"
)
