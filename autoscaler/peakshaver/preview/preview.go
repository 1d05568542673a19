// Package preview tells what policies will do to which objects when, by asking the decisions of the days to come.
package preview

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// Change is that one object becomes another.
type Change struct {
	At       time.Time
	Kind     v1alpha1.TargetKind
	Object   string // with its namespace
	From, To string
	By       []string // policies; none where it is as its owner made it
	Reason   policy.Reason
}

// mostChanges bounds what is told of one object.
const mostChanges = 10_000

// Of tells all changes from a time on, up to another, in order. Objects stay as they are otherwise: a Job that waits or
// runs does so all the time. Errors are of objects that cannot be read.
func Of(cluster *target.Cluster, policies []*policy.Policy, from, to time.Time) (changes []Change, errs []error) {
	moments := map[time.Time]*policy.Moment{}
	at := func(t time.Time) *policy.Moment {
		if moments[t] == nil {
			moments[t] = policy.At(t, policies)
		}
		return moments[t]
	}
	for kind, objects := range cluster.Targets {
		for _, item := range objects.List() {
			u := target.AsObject(item)
			state, err := ledger.Read(kind, u)
			if err != nil {
				errs = append(errs, fmt.Errorf("reading %s %s: %w", kind, target.NameOf(u), err))
				continue
			}
			changes = append(changes, follow(cluster.Object(kind, u, state), u, at, from, to)...)
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Object, b.Object))
	})
	return changes, errs
}

// follow one object through time.
func follow(o *policy.Object, u *unstructured.Unstructured, at func(time.Time) *policy.Moment, from, to time.Time) []Change {
	var changes []Change
	have := o.Original
	for t := from; t.Before(to) && len(changes) < mostChanges; {
		decision := at(t).Decide(o)
		if decision.Want != have && !decision.Hold {
			changes = append(changes, Change{
				At: t, Kind: o.Kind, Object: target.NameOf(u), By: decision.By, Reason: decision.Reason,
				From: target.Describe(o.Kind, have), To: target.Describe(o.Kind, decision.Want),
			})
			have = decision.Want
		}
		if !decision.Until.After(t) {
			break
		}
		t = decision.Until
	}
	return changes
}

// Print writes changes as a table, with times as a location's clocks show them.
func Print(w io.Writer, changes []Change, location *time.Location) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHEN\tKIND\tOBJECT\tFROM\tTO\tBY")
	for i := range changes {
		c := &changes[i]
		by := strings.Join(c.By, ", ")
		if by == "" {
			by = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", c.At.In(location).Format("Mon 2006-01-02 15:04:05 MST"), c.Kind, c.Object, c.From, c.To, by)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing the preview: %w", err)
	}
	return nil
}
