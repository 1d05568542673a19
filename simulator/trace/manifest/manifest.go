// Package manifest reads nodes and pods as kubectl prints them.
package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/simulator/trace/source"
)

const (
	maxBytes = 512 << 20 // all is held at once
	maxPods  = 2_000_000
	maxMilli = 1e9     // a million cores, or of any extended resource
	maxSize  = 1 << 60 // bytes
)

// Objects are the nodes and the unfinished pods of a file, in its order.
type Objects struct {
	Nodes []*v1.Node
	Pods  []*v1.Pod
	seen  map[string]bool
}

// envelope is an object of any kind, or a list of them.
type envelope struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"metadata"`
	Items []json.RawMessage `json:"items"`
}

// Parse reads YAML or JSON documents: objects and lists of them. Other kinds are left out, and so is what only an API
// server cares for. An error names the file, the line and the field.
func Parse(from io.Reader, file string) (*Objects, error) {
	content, err := io.ReadAll(io.LimitReader(from, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(content) > maxBytes {
		return nil, fmt.Errorf("reading %s: more than %d bytes: split it, one file a kind", file, maxBytes)
	}
	found := &Objects{seen: map[string]bool{}}
	for line := 1; content != nil; {
		var document []byte
		document, content = cutDocument(content)
		if err := found.addDocument(document, file, line); err != nil {
			return nil, err
		}
		line += bytes.Count(document, []byte("\n")) + 1
	}
	return found, nil
}

// cutDocument cuts before the next line that separates documents; rest is nil after the last one.
func cutDocument(content []byte) (document, rest []byte) {
	for at := 0; ; {
		next := bytes.Index(content[at:], []byte("\n---"))
		if next < 0 {
			return content, nil
		}
		at += next + len("\n---")
		if at == len(content) || bytes.IndexByte([]byte(" \t\r\n"), content[at]) >= 0 {
			return content[:at-len("\n---")], content[at-len("---"):]
		}
	}
}

// addDocument adds the objects of a document that begins on a line of the file.
func (o *Objects) addDocument(document []byte, file string, line int) error {
	raw := bytes.TrimSpace(document)
	var err error
	if !bytes.HasPrefix(raw, []byte("{")) { // JSON goes without the detour, which takes long for a large cluster
		if raw, err = yaml.YAMLToJSON(document); err != nil {
			return fmt.Errorf("reading %s:%d: %w", file, line+source.ErrorLine(err)-1, err)
		}
	}
	var head envelope
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &head); err != nil {
		return fmt.Errorf("reading %s:%d: %w: save it with kubectl get -o yaml", file, line+linesBefore(document, err), err)
	}
	problem := o.addAll(raw, head)
	if problem != nil {
		return fmt.Errorf("reading %s:%d: %w", file, line+source.Line(document, problem.Field)-1, problem)
	}
	return nil
}

// addAll adds an object, or the items of a list.
func (o *Objects) addAll(raw []byte, head envelope) *field.Error {
	kind, isList := strings.CutSuffix(head.Kind, "List")
	if !isList {
		return o.add(raw, head, nil)
	}
	for i, item := range head.Items {
		path := field.NewPath("items").Index(i)
		one := envelope{TypeMeta: metav1.TypeMeta{Kind: kind}} // a list from the API leaves it out of the items
		if kjson.UnmarshalCaseSensitivePreserveInts(item, &one) != nil {
			return field.Invalid(path, "", "must be an object")
		}
		if problem := o.add(item, one, path); problem != nil {
			return problem
		}
	}
	return nil
}

// add adds an object if it is a node or a pod that still runs or waits.
func (o *Objects) add(raw []byte, head envelope, path *field.Path) *field.Error {
	id := head.Metadata.Namespace + "/" + head.Metadata.Name
	var into any
	node, pod := &v1.Node{}, &v1.Pod{}
	switch head.Kind {
	case "Node":
		into = node
	case "Pod":
		into = pod
	default:
		return nil
	}
	at := func(names ...string) *field.Path { return child(path, names) }
	if head.Metadata.Name == "" {
		return field.Required(at("metadata", "name"), "each "+head.Kind+" has one")
	}
	if o.seen[head.Kind+" "+id] {
		return field.Duplicate(at("metadata", "name"), id)
	}
	o.seen[head.Kind+" "+id] = true
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, into); err != nil {
		return field.Invalid(at("metadata", "name"), id, fmt.Sprintf("this %s does not decode: %v", head.Kind, err))
	}
	if head.Kind == "Node" {
		return o.addNode(node, at)
	}
	return o.addPod(pod, at)
}

func (o *Objects) addNode(node *v1.Node, at func(...string) *field.Path) *field.Error {
	node.ManagedFields = nil // half of the object, and nothing to a scheduler
	if node.Status.Allocatable == nil {
		node.Status.Allocatable = node.Status.Capacity
	}
	if len(node.Status.Allocatable) == 0 {
		return field.Required(at("status", "allocatable"), "node "+node.Name+" offers nothing: save it with its status")
	}
	o.Nodes = append(o.Nodes, node)
	return checkAmounts(node.Status.Allocatable, at("status", "allocatable"))
}

func (o *Objects) addPod(pod *v1.Pod, at func(...string) *field.Path) *field.Error {
	if pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed {
		return nil
	}
	for i := range pod.Spec.Containers {
		path := at("spec", "containers").Index(i).Child("resources", "requests")
		if problem := checkAmounts(pod.Spec.Containers[i].Resources.Requests, path); problem != nil {
			return problem
		}
	}
	if len(o.Pods) >= maxPods {
		return field.TooMany(at("metadata", "name"), len(o.Pods)+1, maxPods)
	}
	pod.ManagedFields = nil
	o.Pods = append(o.Pods, pod)
	return nil
}

// child is a path below another, which may be nil.
func child(path *field.Path, names []string) *field.Path {
	if path == nil {
		return field.NewPath(names[0], names[1:]...)
	}
	return path.Child(names[0], names[1:]...)
}

// checkAmounts keeps sums of millis within 64 bits.
func checkAmounts(list v1.ResourceList, path *field.Path) *field.Error {
	for name, quantity := range list {
		most := int64(maxMilli)
		if name != v1.ResourceCPU && !strings.Contains(string(name), "/") {
			most = maxSize
		}
		if quantity.Sign() < 0 || quantity.CmpInt64(most) > 0 {
			return field.Invalid(path.Key(string(name)), quantity.String(), "must not be negative, nor more than any machine has")
		}
	}
	return nil
}

// linesBefore counts the lines before a syntax error.
func linesBefore(document []byte, err error) int {
	broken, offset := kjson.SyntaxErrorOffset(err)
	if !broken {
		return 0
	}
	document = bytes.TrimLeft(document, " \t\r\n")
	return bytes.Count(document[:min(int(offset), len(document))], []byte("\n"))
}
