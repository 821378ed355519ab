//go:build !race

package mysql_test

const raceMemory = 1
