// Package arch holds the rules of the house as tests: which way imports go,
// how long files and functions may be, what a unit documents, how metrics are
// named. Each finding says what to do about it.
package arch
