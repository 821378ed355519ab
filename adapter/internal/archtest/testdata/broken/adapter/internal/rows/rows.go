package rows

import (
	_ "errors"
)
