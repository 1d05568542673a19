// Package peakshaver measures whether windows are open when they should be, in every time zone, and how long many objects
// take to be switched.
package peakshaver
