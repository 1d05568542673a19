// Package peakshaver measures whether windows are open when they should be, in every time zone, how long many objects
// take to be switched, and how much of a day's peak is cut.
package peakshaver
