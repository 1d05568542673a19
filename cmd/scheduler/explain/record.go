package explain

import "time"

// Outcome is how an attempt to place a pod ended.
type Outcome string

// The outcomes.
const (
	Placed        Outcome = "Placed"        // a node was chosen, and nothing went wrong since
	Unschedulable Outcome = "Unschedulable" // no node fits now
	Failed        Outcome = "Failed"        // a node was chosen or sought, and an error got in the way
)

// Record is one attempt to place one pod.
type Record struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       string    `json:"uid"`
	Profile   string    `json:"profile"`
	At        time.Time `json:"at"`
	// TookSeconds is the time spent filtering and scoring.
	TookSeconds float64 `json:"tookSeconds"`
	// Attempt counts from 1.
	Attempt int     `json:"attempt"`
	Outcome Outcome `json:"outcome"`
	// Node is the chosen node, empty where none was.
	Node string `json:"node,omitempty"`
	// NominatedNode is where other pods are being evicted to make room.
	NominatedNode string `json:"nominatedNode,omitempty"`
	// Message says what went wrong.
	Message string `json:"message,omitempty"`
	// Nodes is the size of the cluster; Evaluated and Feasible are how many of
	// its nodes were looked at, and how many of those fit.
	Nodes     int `json:"nodes"`
	Evaluated int `json:"evaluated"`
	Feasible  int `json:"feasible"`
	// ReusedFrom names the pod whose scores were used again, because it has the
	// same shape and was scheduled just before.
	ReusedFrom string `json:"reusedFrom,omitempty"`
	// Candidates are the best nodes, the best first.
	Candidates []Candidate `json:"candidates,omitempty"`
	// Rejected are the nodes filtered out, by plugin and reason.
	Rejected []Rejection `json:"rejected,omitempty"`
}

// Candidate is a node that the pod could have gone to.
type Candidate struct {
	Node string `json:"node"`
	// Total is the sum of Scores; both are zero and empty where a single node
	// fits, since nothing is scored then.
	Total   int64    `json:"total"`
	Scores  []Score  `json:"scores,omitempty"`
	Beliefs []Belief `json:"beliefs,omitempty"`
}

// Score is the weighted, normalised score of one plugin.
type Score struct {
	Plugin string `json:"plugin"`
	Score  int64  `json:"score"`
}

// Belief is what was believed of one dimension of a node's load, without the
// pod, when the node was compared with the others. Values are in Unit.
type Belief struct {
	// Dimension is cpu, memory, network or disk.
	Dimension string `json:"dimension"`
	Unit      string `json:"unit,omitempty"`
	// Measured is the recent mean of the node, AgeSeconds how old it was;
	// negative where the node was never measured. Trust is how much the
	// measurement counted, from 0 to 1; the rest was made up of what the node's
	// pods are known, or request, to use.
	Measured   float64 `json:"measured"`
	AgeSeconds float64 `json:"ageSeconds"`
	Trust      float64 `json:"trust"`
	// Believed is what came of it, Capacity what the node can carry (0: unknown).
	Believed float64 `json:"believed"`
	Capacity float64 `json:"capacity,omitempty"`
	// Pod is what the pod was reckoned to add, PodFrom what says so.
	Pod     float64 `json:"pod"`
	PodFrom string  `json:"podFrom,omitempty"`
	// Worst is the share of Capacity that the node was reckoned to reach at its
	// worst moments with the pod on it.
	Worst float64 `json:"worst"`
	// Room is by how many deviations that load stays below the line at which the
	// node is hot for pods of this one's tier.
	Room float64 `json:"room"`
	// Hot says that the dimension kept pods of this one's tier away.
	Hot bool `json:"hot,omitempty"`
}

// Rejection is a group of nodes that one plugin filtered out for one reason.
type Rejection struct {
	Plugin string `json:"plugin"`
	Reason string `json:"reason"`
	Nodes  int    `json:"nodes"`
	// Examples are the names of a few of the nodes.
	Examples []string `json:"examples,omitempty"`
}
