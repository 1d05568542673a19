// Package peakshaver measures whether windows are open when they should be, in every time zone.
package peakshaver
