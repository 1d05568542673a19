// Package explain remembers why each pod was placed where it is: the best few
// nodes with every plugin's score, what was filtered out and why, and the
// usage believed at that moment with its age.
//
// A Recorder attached to a scheduler keeps the last decisions in a bounded
// ring. The scheduling thread only copies the best few nodes and notes which
// nodes were filtered out; everything else happens on another goroutine. A
// Server hands records out over a unix socket, which a Client reads.
package explain
