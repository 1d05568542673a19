package explain

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func attempt(name, uid string, outcome Outcome, number int) entry {
	return entry{record: Record{
		Namespace: "default", Name: name, UID: uid, Outcome: outcome, Attempt: number,
		At: time.Unix(int64(number), 0).UTC(),
	}}
}

func TestRing(t *testing.T) {
	cases := map[string]struct {
		reason   string
		capacity int
		add      []entry
		pod      string
		want     []int // attempts found, the newest first
		oldest   int64
	}{
		"Unknown": {
			reason:   "a pod that was never tried has no records",
			capacity: 2, add: []entry{attempt("a", "1", Placed, 1)}, pod: "b", oldest: 1,
		},
		"WaitingTakesOnePlace": {
			reason:   "a pod that waits must not push others out by being tried over and over",
			capacity: 2,
			add: []entry{
				attempt("other", "9", Placed, 1),
				attempt("a", "1", Unschedulable, 2), attempt("a", "1", Unschedulable, 3), attempt("a", "1", Unschedulable, 4),
			},
			pod: "a", want: []int{4}, oldest: 1,
		},
		"WaitedThenPlaced": {
			reason:   "why it waited stays known once it is placed",
			capacity: 4,
			add:      []entry{attempt("a", "1", Unschedulable, 1), attempt("a", "1", Unschedulable, 2), attempt("a", "1", Placed, 3)},
			pod:      "a", want: []int{3, 2}, oldest: 2,
		},
		"SameNameAnotherPod": {
			reason:   "a pod that took the name of a deleted one does not replace its record",
			capacity: 4,
			add:      []entry{attempt("a", "1", Unschedulable, 1), attempt("a", "2", Unschedulable, 2)},
			pod:      "a", want: []int{2, 1}, oldest: 1,
		},
		"RolledOver": {
			reason:   "the oldest goes first",
			capacity: 2,
			add:      []entry{attempt("a", "1", Placed, 1), attempt("b", "2", Placed, 2), attempt("c", "3", Placed, 3)},
			pod:      "a", oldest: 2,
		},
		"ChainCut": {
			reason:   "an earlier attempt whose place was taken ends the list",
			capacity: 2,
			add:      []entry{attempt("a", "1", Failed, 1), attempt("b", "2", Placed, 2), attempt("a", "1", Placed, 3)},
			pod:      "a", want: []int{3}, oldest: 2,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRing(tc.capacity)
			for _, e := range tc.add {
				r.add(e)
			}
			var got []int
			for _, record := range r.all(podKey{"default", tc.pod}) {
				got = append(got, record.Attempt)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: attempts (-want +got):\n%s", tc.reason, diff)
			}
			if got := r.oldest().Unix(); got != tc.oldest {
				t.Errorf("%s: oldest is %d, want %d", tc.reason, got, tc.oldest)
			}
		})
	}
}

// TestRingAgainstList holds the ring against a plain list of everything.
func TestRingAgainstList(t *testing.T) {
	const capacity = 7
	random := rand.New(rand.NewPCG(1, 2))
	r := newRing(capacity)
	var list []Record
	for i := range 2000 {
		pod := fmt.Sprint(random.IntN(5))
		e := attempt(pod, pod, Placed, i+1)
		r.add(e)
		list = append(list, e.record)
		list = list[max(0, len(list)-capacity):]

		asked := fmt.Sprint(random.IntN(6))
		var want []Record
		for j := len(list) - 1; j >= 0; j-- {
			if list[j].Name == asked {
				want = append(want, list[j])
			}
		}
		// The chain of a pod stops at a gap only when that attempt is gone, so
		// nothing that is still kept may be missing.
		if diff := cmp.Diff(want, r.all(podKey{"default", asked})); diff != "" {
			t.Fatalf("after %d attempts, pod %s (-want +got):\n%s", i+1, asked, diff)
		}
		if len(r.newest) > capacity {
			t.Fatalf("after %d attempts the index holds %d pods, more than the ring", i+1, len(r.newest))
		}
	}
}
