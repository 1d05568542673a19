package target

import (
	"errors"
	"slices"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
)

var errNotAnObject = errors.New("not an object")

// Trim drops what is not looked at before a cache keeps an object.
func Trim(item any) (any, error) {
	u, ok := item.(*unstructured.Unstructured)
	if !ok {
		return nil, errNotAnObject
	}
	fields := slices.DeleteFunc(u.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool { return entry.Manager != ledger.Manager })
	u.SetManagedFields(fields)
	annotations := u.GetAnnotations()
	delete(annotations, v1.LastAppliedConfigAnnotation)
	u.SetAnnotations(annotations)
	return u, nil
}
