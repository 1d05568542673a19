// Package adapter measures how fast custom metrics are read, beside prometheus-adapter on the same cluster and the same
// Prometheus.
package adapter
