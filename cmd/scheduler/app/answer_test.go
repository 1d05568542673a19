package app

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	componentbaseconfig "k8s.io/component-base/config"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/cmd/scheduler/explain"
)

func newRecorder() *explain.Recorder {
	return explain.NewRecorder(10, testingclock.NewFakePassiveClock(time.Unix(0, 0)))
}

func TestAnswerNamesTheLeader(t *testing.T) {
	holder := "pod-b_uid"
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "l"}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder}}
	unheld := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "l"}}
	where := componentbaseconfig.LeaderElectionConfiguration{ResourceNamespace: "n", ResourceName: "l"}
	for name, tc := range map[string]struct {
		client *fake.Clientset
		self   string
		want   string
	}{
		"Standby":          {fake.NewClientset(lease), "pod-a_uid", "pod-b_uid"},
		"NoLease":          {fake.NewClientset(), "pod-a_uid", ""},
		"NobodyHoldsIt":    {fake.NewClientset(unheld), "pod-a_uid", ""},
		"NoLeaderElection": {fake.NewClientset(lease), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answerer{recorder: newRecorder(), profiles: []string{"evenkeel"}, self: tc.self, lease: where, client: tc.client}
			got := a.Answer(t.Context(), "default", "p")
			if got.Leader != tc.want || got.Self != tc.self || got.Capacity != 10 || got.Kept != 0 || len(got.Profiles) != 1 {
				t.Errorf("got %+v, want the leader %q", got, tc.want)
			}
		})
	}
}
