package target

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
)

// Unread tells which annotations that its owner gave a Job cannot be read, and are not gone by; empty where all can.
func Unread(job *unstructured.Unstructured) string {
	var wrong []string
	annotations := job.GetAnnotations()
	if text, is := annotations[v1alpha1.AnnotationDeadline]; is {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			wrong = append(wrong, fmt.Sprintf("metadata.annotations[%s]: %q is no time such as 2026-03-02T18:00:00+01:00", v1alpha1.AnnotationDeadline, text))
		}
	}
	if text, is := annotations[v1alpha1.AnnotationRunTime]; is {
		if took, err := time.ParseDuration(text); err != nil || took <= 0 {
			wrong = append(wrong, fmt.Sprintf("metadata.annotations[%s]: %q is no time above 0 such as 1h30m", v1alpha1.AnnotationRunTime, text))
		}
	}
	return strings.Join(wrong, "; ")
}
