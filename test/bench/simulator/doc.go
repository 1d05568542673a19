// Package simulator measures the capacity simulator: how long a run takes, and how much memory. Everything is in
// its benchmarks.
package simulator
