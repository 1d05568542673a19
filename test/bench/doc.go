// Package bench is how benchmarks hand over their figures: as lines of JSON
// that can be compared over time. Each area is a package below it.
package bench
