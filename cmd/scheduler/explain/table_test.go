package explain

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestWriteTable(t *testing.T) {
	cases := map[string]struct {
		reason string
		record Record
		want   string
	}{
		"Placed": {
			reason: "everything that is known, in columns",
			record: Record{
				Namespace: "shop", Name: "web-1", Profile: "evenkeel", At: noon.Add(-90 * time.Second), TookSeconds: 0.00123,
				Attempt: 2, Outcome: Placed, Node: "node-a", Nodes: 40, Evaluated: 40, Feasible: 37,
				Candidates: []Candidate{
					{
						Node: "node-a", Total: 912, Scores: []Score{{"RealLoad", 500}, {"NodeResourcesFit", 412}},
						Beliefs: []Belief{
							{
								Dimension: "cpu", Unit: "cores", Measured: 1.25, AgeSeconds: 12, Trust: 1, Believed: 1.5, Capacity: 8,
								Pod: 0.25, PodFrom: "workload", Worst: 0.31, Room: 6.04,
							},
							{
								Dimension: "memory", Unit: "B", Measured: 3 << 30, AgeSeconds: 200, Trust: 0.4, Believed: 4 << 30, Capacity: 32 << 30,
								Pod: 200 << 20, PodFrom: "requests", Worst: 0.2, Room: 63,
							},
						},
					},
					{
						Node: "node-bb", Total: 88, Scores: []Score{{"RealLoad", 80}, {"NodeResourcesFit", 8}},
						Beliefs: []Belief{
							{Dimension: "network", Unit: "B/s", AgeSeconds: -1, Believed: 512, PodFrom: "none"},
							{Dimension: "cpu", Unit: "cores", AgeSeconds: -1, Believed: 7.5, Capacity: 8, PodFrom: "own", Worst: 0.95, Room: -1.25, Hot: true},
						},
					},
				},
				Rejected: []Rejection{
					{Plugin: "RealLoad", Reason: "node is hot", Nodes: 2, Examples: []string{"node-x", "node-y"}},
					{Plugin: "TaintToleration", Reason: "untolerated taint", Nodes: 1, Examples: []string{"node-z"}},
				},
			},
			want: `
Pod shop/web-1 was placed on node-a.
Profile evenkeel, attempt 2, 1m30s ago (2026-11-22T11:58:30Z), took 1.2 ms.
Of 40 nodes 40 were looked at and 37 fit.

  BEST NODES  TOTAL  RealLoad  NodeResourcesFit
* node-a      912    500       412
  node-bb     88     80        8

  NODE     LOAD     MEASURED    AGE    TRUST  BELIEVED    OF          POD ADDS    BY ITS    AT WORST  ROOM
* node-a   cpu      1.25 cores  12s    100%   1.50 cores  8.00 cores  0.25 cores  workload  31%       6.0σ
* node-a   memory   3.0 GiB     3m20s  40%    4.0 GiB     32.0 GiB    200.0 MiB   requests  20%       63.0σ
  node-bb  network  never       -      0%     512.0 B/s   unknown     0.0 B/s     none      -         -
  node-bb  cpu      never       -      0%     7.50 cores  8.00 cores  0.00 cores  own       95% hot   -1.2σ

  FILTERED OUT  PLUGIN           REASON             FOR EXAMPLE
  2             RealLoad         node is hot        node-x node-y
  1             TaintToleration  untolerated taint  node-z
`,
		},
		"Reused": {
			reason: "a batched pod has no scores of its own",
			record: Record{
				Namespace: "shop", Name: "web-2", Profile: "evenkeel", At: noon, Attempt: 1, Outcome: Placed, Node: "node-a",
				Nodes: 40, Evaluated: 1, Feasible: 1, ReusedFrom: "shop/web-1", Candidates: []Candidate{{Node: "node-a"}},
			},
			want: `
Pod shop/web-2 was placed on node-a.
Profile evenkeel, attempt 1, 0s ago (2026-11-22T12:00:00Z), took 0.0 ms.
Its scores were reused from pod shop/web-1, which has the same shape and was scheduled just before.
Of 40 nodes 1 were looked at and 1 fit.
`,
		},
		"Unschedulable": {
			reason: "what keeps the pod waiting",
			record: Record{
				Namespace: "shop", Name: "big", Profile: "evenkeel", At: noon, Attempt: 1, Outcome: Unschedulable, NominatedNode: "node-q",
				Nodes: 2, Evaluated: 2, Message: "0/2 nodes are available", Rejected: []Rejection{{Plugin: "Fit", Reason: "Insufficient cpu", Nodes: 2}},
			},
			want: `
Pod shop/big fits no node.
Profile evenkeel, attempt 1, 0s ago (2026-11-22T12:00:00Z), took 0.0 ms.
Of 2 nodes 2 were looked at and 0 fit.
Pods on node-q are being evicted to make room.
Message: 0/2 nodes are available

  FILTERED OUT  PLUGIN  REASON            FOR EXAMPLE
  2             Fit     Insufficient cpu
`,
		},
		"Failed": {
			reason: "a node was left, and yet it went wrong",
			record: Record{
				Namespace: "shop", Name: "odd", Profile: "evenkeel", At: noon, Attempt: 1, Outcome: Failed, Node: "node-a",
				Nodes: 1, Evaluated: 1, Feasible: 1, Message: "binding refused", Candidates: []Candidate{{Node: "node-a"}},
			},
			want: `
Pod shop/odd could not be placed.
Profile evenkeel, attempt 1, 0s ago (2026-11-22T12:00:00Z), took 0.0 ms.
Of 1 nodes 1 were looked at and 1 fit.
Message: binding refused
A single node was left, so nothing was scored.
`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := WriteTable(&out, &tc.record, noon); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tc.want, "\n"), out.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteTableFails(t *testing.T) {
	if err := WriteTable(brokenWriter{}, &Record{}, noon); !errors.Is(err, errBroken) {
		t.Errorf("error is %v, want the writer's", err)
	}
}
