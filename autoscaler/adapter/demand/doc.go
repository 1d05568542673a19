// Package demand tells the total demand of a scale target at each tick: from the answers that everybody reads while they
// come, and from Prometheus' history for what a process has not seen. Both ways give the same numbers.
package demand
