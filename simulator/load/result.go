package load

// Result is how one policy fared with one seed. Utilisation is the CPU that a node's pods want as a share of its
// allocatable: above 1, they go short. README.md defines each number.
type Result struct {
	Policy string `json:"policy"`
	Seed   int64  `json:"seed"`
	// HotNodeMinutes are the minutes that nodes were hot, over all nodes.
	HotNodeMinutes float64 `json:"hotNodeMinutes"`
	// P99NodeUtilisation and MaxNodeUtilisation are over all nodes and all measurements alike.
	P99NodeUtilisation float64 `json:"p99NodeUtilisation"`
	MaxNodeUtilisation float64 `json:"maxNodeUtilisation"`
	// OracleViolations is the share of placements onto a node whose pods were to want more than it has, at some
	// moment of the next 24 hours.
	OracleViolations float64 `json:"oracleViolations"`
	// UsableCPUShare is the CPU that pods got, as a share of what all nodes had.
	UsableCPUShare float64 `json:"usableCPUShare"`
	// PodsPending had no node at the end, those that never could have one among them.
	PodsPending int `json:"podsPending"`

	// HotNodes is how many nodes were hot at least once.
	HotNodes int `json:"hotNodes"`
	// NodeMinutes are the minutes that there were nodes, over all nodes.
	NodeMinutes float64 `json:"nodeMinutes"`
	// BurstMaxShare is the most pods of one burst that a node got, relative to as many on each node; 0 without bursts.
	BurstMaxShare float64 `json:"burstMaxShare"`
	// Placements is how often a pod was placed, and PodsEvicted how often one lost its place.
	Placements  int `json:"placements"`
	PodsEvicted int `json:"podsEvicted"`
	// WaitedPodMinutes are the minutes that pods waited for a place, those that never got one left out.
	WaitedPodMinutes float64 `json:"waitedPodMinutes"`
	// PodsNeverFitting fit no node even if all were empty; NeverFitting names the first few.
	PodsNeverFitting int      `json:"podsNeverFitting"`
	NeverFitting     []string `json:"neverFitting,omitempty"`

	// Heat is kept where Options ask for it.
	Heat *Heat `json:"-"`
}

// maxNamed is how many pods are named at most.
const maxNamed = 10
