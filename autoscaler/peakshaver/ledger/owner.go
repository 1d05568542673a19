package ledger

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// owns tells that Manager owns a field, by the object's managed fields: it was the last to change it.
func owns(object *unstructured.Unstructured, path []string) bool {
	for _, entry := range object.GetManagedFields() {
		if entry.Manager != Manager || entry.FieldsV1 == nil {
			continue
		}
		var tree map[string]any
		if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &tree); err != nil {
			continue
		}
		steps := make([]string, len(path))
		for i, step := range path {
			steps[i] = "f:" + step
		}
		if _, found, err := unstructured.NestedFieldNoCopy(tree, steps...); found && err == nil {
			return true
		}
	}
	return false
}
