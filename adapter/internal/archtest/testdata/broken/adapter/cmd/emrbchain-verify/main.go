// Package main is linked with a database driver (rule 6).
package main

import (
	_ "database/sql"
)
