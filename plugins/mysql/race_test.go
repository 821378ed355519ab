//go:build race

package mysql_test

// raceMemory is about how many times the memory the race detector takes.
const raceMemory = 4
