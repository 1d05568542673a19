// Package board keeps the answers to queries that somebody reads. Each is asked of Prometheus once a tick, however many
// read it; ticks are the multiples of a step since 1970, so that every replica asks, and answers, the same. What is
// missing, late or no number is held for a while and then an error: never 0.
package board
