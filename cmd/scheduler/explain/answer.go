package explain

import (
	"fmt"
	"time"
)

// Answer is what a scheduler says when asked about a pod.
type Answer struct {
	// Records are the attempts to place the pod, the newest first.
	Records []Record `json:"records"`
	// Profiles are the scheduler names that this process serves.
	Profiles []string `json:"profiles"`
	// Capacity and Kept are how many attempts are kept at most, and now.
	Capacity int `json:"capacity"`
	Kept     int `json:"kept"`
	// Since is when the oldest kept attempt began.
	Since time.Time `json:"since,omitzero"`
	// Self and Leader are the identities of this process and of the one that
	// schedules; both are empty where there is no leader election.
	Self   string `json:"self,omitempty"`
	Leader string `json:"leader,omitempty"`
}

// Missing says why there is no record of a pod, and what to do about it.
func (a *Answer) Missing(namespace, name string) error {
	pod := podKey{namespace, name}
	switch {
	case a.Leader != "" && a.Leader != a.Self:
		return fmt.Errorf("this replica does not schedule and has no record of pod %s: ask the leader, %s "+
			"(the part before the underscore is its pod)", pod, a.Leader)
	case a.Kept >= a.Capacity:
		return fmt.Errorf("no record of pod %s: it was not seen (is its schedulerName one of %q?), or it was placed before %s, "+
			"since when %d newer attempts took its place (--why-records keeps more)",
			pod, a.Profiles, a.Since.Format(time.RFC3339), a.Capacity)
	case a.Kept == 0:
		return fmt.Errorf("no record of pod %s: this process has not tried to place any pod yet (it serves the schedulerNames %q)", pod, a.Profiles)
	default:
		return fmt.Errorf("no record of pod %s: it was not seen since this process began to schedule; "+
			"is its schedulerName one of %q, and was it still unbound after %s?",
			pod, a.Profiles, a.Since.Format(time.RFC3339))
	}
}
