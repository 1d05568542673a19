package target

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
)

// Calendar reads what a policy refers to. The ConfigMap, which get finds, is in the policy's own namespace; a policy
// without one says in which.
func Calendar(
	namespace string, of v1alpha1.CalendarReference, get func(namespace string) (*unstructured.Unstructured, error),
) (*calendar.Holidays, error) {
	if namespace == "" {
		namespace = of.Namespace
	}
	u, err := get(namespace)
	if err != nil {
		return nil, err
	}
	text, found, err := unstructured.NestedString(u.Object, "data", of.Key)
	if err != nil || !found {
		return nil, fmt.Errorf("the ConfigMap %s/%s has no key %q", namespace, of.Name, of.Key)
	}
	return calendar.Parse(text)
}
