// Package ledger keeps what an owner gave an object while a policy gives it something else, so that it is restored
// exactly. The record is in labels of the object itself, written by the write that changes the object: there is no
// moment at which one is done and the other is not.
package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
)

// The record. The values are in labels since kubectl rollout undo replaces all annotations of a Deployment by those of an
// old ReplicaSet.
const (
	// LabelOriginal has the values that the owner gave.
	LabelOriginal = "peakshaver.evenkeel.dev/original"
	// LabelSet has those that were given in their place.
	LabelSet = "peakshaver.evenkeel.dev/set"
	// AnnotationReason says why.
	AnnotationReason = "peakshaver.evenkeel.dev/reason"
	// AnnotationUntil says until when at least (RFC 3339).
	AnnotationUntil = "peakshaver.evenkeel.dev/until"
	// AnnotationAdmission tells that the API server set it when the object was created, as manifests/overlays/peakshaver/admission.yaml
	// says, and that nobody has looked at it since.
	AnnotationAdmission = "peakshaver.evenkeel.dev/admission"
	// AnnotationOverruled counts how often somebody else changed what was set, and it was set again.
	AnnotationOverruled = "peakshaver.evenkeel.dev/overruled"

	// AnnotationReleased tells that a Job was released inside a window to meet its deadline: it is not stopped again.
	AnnotationReleased = "peakshaver.evenkeel.dev/released"

	// Manager owns the fields that are not as their owner made them.
	Manager = "evenkeel-peakshaver"
	// RestoreManager owns those that were restored.
	RestoreManager = "evenkeel-peakshaver-restore"

	separator = "."
)

// State of an object: what it has, and what its owner gave it.
type State struct {
	// Held tells that the object has a record.
	Held bool
	// New tells that the record was made when the object was created, and that no Change has confirmed it.
	New bool
	// Original are the owner's values. Where somebody changed what was set, what they changed it to is the owner's.
	Original policy.Values
	// Current are the values that the object has.
	Current policy.Values
	// Foreign tells that somebody else changed what was set.
	Foreign bool
	// Overruled is how often that was set again.
	Overruled int
	// Released tells that the object was let be inside a window to meet its deadline.
	Released bool
	// Lost tells that the object is not as its owner made it and that the record is gone: what it was is not known.
	Lost bool

	fields                 []field
	original, set, current []string // words, a field each
	reason                 string   // as it is written down
	annotated              bool
	version, uid           string
}

// Read tells the state of an object of a kind. It is an error where a value, or the record, cannot be read.
func Read(kind v1alpha1.TargetKind, object *unstructured.Unstructured) (*State, error) {
	fields, err := fieldsOf(kind)
	if err != nil {
		return nil, err
	}
	s := &State{fields: fields, version: object.GetResourceVersion(), uid: string(object.GetUID())}
	for i := range fields {
		word, err := fields[i].word(object)
		if err != nil {
			return nil, err
		}
		s.current = append(s.current, word)
	}
	if err := s.readRecord(object); err != nil {
		return nil, err
	}
	if s.Current, err = s.values(s.current); err != nil {
		return nil, err
	}
	if s.Original, err = s.values(s.original); err != nil {
		return nil, err
	}
	if s.Original.MinReplicas > s.Original.MaxReplicas { // one bound is new, and the other was never meant beside it
		s.original, s.Original = slices.Clone(s.current), s.Current
	}
	s.Lost = !s.Held && len(fields) == 1 && owns(object, fields[0].path)
	return s, nil
}

func (s *State) readRecord(object *unstructured.Unstructured) error {
	s.original = slices.Clone(s.current)
	labels, annotations := object.GetLabels(), object.GetAnnotations()
	s.reason, s.annotated = annotations[AnnotationReason]
	_, s.Released = annotations[AnnotationReleased]
	original, held := labels[LabelOriginal]
	if !held {
		return nil
	}
	originals, set := strings.Split(original, separator), strings.Split(labels[LabelSet], separator)
	if len(originals) != len(s.fields) || len(set) != len(s.fields) {
		return fmt.Errorf("reading the labels %s %q and %s %q: they have %d values each", LabelOriginal, original, LabelSet, labels[LabelSet], len(s.fields))
	}
	s.Held, s.set = true, set
	_, s.New = annotations[AnnotationAdmission]
	s.Overruled, _ = strconv.Atoi(annotations[AnnotationOverruled]) // none, or not ours
	for i := range s.fields {
		if s.current[i] == set[i] {
			s.original[i] = originals[i]
		} else {
			s.Foreign = true
		}
	}
	return nil
}

func (s *State) values(words []string) (policy.Values, error) {
	var v policy.Values
	for i := range s.fields {
		if err := s.fields[i].parse(words[i], &v); err != nil {
			return v, fmt.Errorf("reading %s: %w", strings.Join(s.fields[i].path, "."), err)
		}
	}
	return v, nil
}

// words of the values, which are the owner's own words where the values are.
func (s *State) words(v policy.Values) []string {
	words := make([]string, len(s.fields))
	for i := range s.fields {
		if words[i] = s.fields[i].write(v); words[i] == s.fields[i].write(s.Original) {
			words[i] = s.original[i]
		}
	}
	return words
}

// Change is one write, which is refused if the object has changed since it was read.
type Change struct {
	Patch   []byte // JSON merge patch
	Manager string // of the fields that it writes
	Restore bool
}

// Because is what a change says of itself.
type Because struct {
	Reason string
	Until  time.Time // zero: not known
	// Deadline tells that the object is let be inside a window to meet its deadline, which is written down.
	Deadline bool
}

// Change returns what is to be written so that the object has the values and says why, and nil if it does. A record that was made
// when the object was created is confirmed: the object is then as a Change would have made it.
func (s *State) Change(want policy.Values, because Because) *Change {
	words := s.words(want)
	if slices.Equal(words, s.original) {
		return s.restore(because)
	}
	// A reason that somebody took away is not fought for.
	explained := s.reason == because.Reason || !s.annotated
	if s.Held && !s.Foreign && !s.New && slices.Equal(words, s.set) && explained {
		return nil
	}
	annotations := map[string]any{AnnotationReason: because.Reason, AnnotationUntil: nil}
	if !because.Until.IsZero() {
		annotations[AnnotationUntil] = because.Until.UTC().Format(time.RFC3339)
	}
	if s.Foreign {
		annotations[AnnotationOverruled] = strconv.Itoa(s.Overruled + 1)
	}
	record := map[string]any{LabelOriginal: strings.Join(s.original, separator), LabelSet: strings.Join(words, separator)}
	return &Change{Patch: s.patch(words, record, annotations), Manager: Manager}
}

func (s *State) restore(because Because) *Change {
	if release := because.Deadline && !s.Released; !s.Held && !s.annotated && !release {
		return nil
	}
	annotations := map[string]any{AnnotationReason: nil, AnnotationUntil: nil, AnnotationOverruled: nil}
	if because.Deadline {
		annotations[AnnotationReleased] = because.Reason
	}
	record := map[string]any{LabelOriginal: nil, LabelSet: nil}
	return &Change{Patch: s.patch(s.original, record, annotations), Manager: RestoreManager, Restore: true}
}

func (s *State) patch(words []string, labels, annotations map[string]any) []byte {
	if s.New {
		annotations[AnnotationAdmission] = nil
	}
	metadata := map[string]any{"resourceVersion": s.version, "uid": s.uid, "labels": labels, "annotations": annotations}
	patch := map[string]any{"metadata": metadata}
	for i, f := range s.fields {
		if words[i] == s.current[i] {
			continue
		}
		var value any
		if words[i] != absent {
			value = f.value(words[i])
		}
		put(patch, value, f.path)
	}
	text, err := json.Marshal(patch)
	if err != nil {
		panic(err) // strings, numbers and maps of them
	}
	return text
}

// put a value at a path, which leads through maps that are there or made.
func put(into map[string]any, value any, path []string) {
	for _, step := range path[:len(path)-1] {
		next, ok := into[step].(map[string]any)
		if !ok {
			next = map[string]any{}
			into[step] = next
		}
		into = next
	}
	into[path[len(path)-1]] = value
}
