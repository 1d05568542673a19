// Package app is the metrics-adapter command.
package app
