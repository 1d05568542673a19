package ledger

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
)

// A field is a place in an object that policies change. Its value is written as a word: true, 10, Hold; or absent.
type field struct {
	path  []string
	parse func(word string, into *policy.Values) error
	write func(policy.Values) string
	value func(word string) any // as the object has it
}

const (
	absent      = "absent"
	pausedByOwn = "autoscaling.keda.sh/paused"
)

func fieldsOf(kind v1alpha1.TargetKind) ([]field, error) {
	switch kind {
	case v1alpha1.Job, v1alpha1.CronJob:
		return []field{onOff([]string{"spec", "suspend"}, func(v *policy.Values) *bool { return &v.Suspend }, asBool)}, nil
	case v1alpha1.Deployment, v1alpha1.StatefulSet:
		return []field{number("replicas", func(v *policy.Values) *int32 { return &v.Replicas })}, nil
	case v1alpha1.HorizontalPodAutoscaler:
		return []field{
			number("minReplicas", func(v *policy.Values) *int32 { return &v.MinReplicas }),
			number("maxReplicas", func(v *policy.Values) *int32 { return &v.MaxReplicas }),
		}, nil
	case v1alpha1.ScaledObject:
		return []field{onOff([]string{"metadata", "annotations", pausedByOwn}, func(v *policy.Values) *bool { return &v.Paused }, asText)}, nil
	case v1alpha1.LocalQueue, v1alpha1.ClusterQueue:
		return []field{stopPolicy()}, nil
	}
	return nil, fmt.Errorf("nothing is known of the kind %q", kind)
}

// onOff is off where it is absent.
func onOff(path []string, of func(*policy.Values) *bool, value func(string) any) field {
	return field{
		path: path,
		parse: func(word string, into *policy.Values) (err error) {
			if word != absent {
				*of(into), err = strconv.ParseBool(word)
			}
			return err
		},
		write: func(v policy.Values) string { return strconv.FormatBool(*of(&v)) },
		value: value,
	}
}

// number is 1 where it is absent, as Kubernetes has it.
func number(name string, of func(*policy.Values) *int32) field {
	return field{
		path: []string{"spec", name},
		parse: func(word string, into *policy.Values) error {
			*of(into) = 1
			if word == absent {
				return nil
			}
			n, err := strconv.ParseInt(word, 10, 32)
			*of(into) = int32(n)
			return err
		},
		write: func(v policy.Values) string { return strconv.Itoa(int(*of(&v))) },
		value: func(word string) any {
			n, _ := strconv.ParseInt(word, 10, 32) // write wrote it, or parse read it
			return n
		},
	}
}

func stopPolicy() field {
	return field{
		path: []string{"spec", "stopPolicy"},
		parse: func(word string, into *policy.Values) error {
			if into.StopPolicy = ""; word != absent {
				into.StopPolicy = word
			}
			return nil
		},
		write: func(v policy.Values) string {
			if v.StopPolicy == "" {
				return absent
			}
			return v.StopPolicy
		},
		value: asText,
	}
}

func asBool(word string) any { return word == "true" }
func asText(word string) any { return word }

// word is a field's value in an object.
func (f *field) word(object *unstructured.Unstructured) (string, error) {
	value, found, err := unstructured.NestedFieldNoCopy(object.Object, f.path...)
	if err != nil {
		return "", err
	}
	if !found || value == nil {
		return absent, nil
	}
	word := fmt.Sprint(value)
	if number, ok := value.(float64); ok {
		word = strconv.FormatFloat(number, 'f', -1, 64)
	}
	if problems := validation.IsValidLabelValue(word); len(problems) > 0 || word == "" || strings.Contains(word, separator) {
		return "", fmt.Errorf("%s is %q, which is no value of it", strings.Join(f.path, "."), word)
	}
	return word, nil
}
