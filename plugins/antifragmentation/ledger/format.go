// Package ledger knows what each node has left, device by device, and what the cluster is asked for. It reads
// both from the scheduler's snapshot, so that a restart forgets nothing but what was deleted before.
package ledger

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/evenkeel/evenkeel/internal/frag"
)

// Format is how nodes and pods say what they have and want.
type Format struct {
	Device     v1.ResourceName // whole devices
	Share      v1.ResourceName // thousandths of a device
	ModelLabel string          // the node label that names the model of its devices
	Annotation string          // the pod annotation that names its devices
	Extended   []v1.ResourceName
}

// maxExtended is how many extended resources fit beside CPU and memory.
const maxExtended = frag.Dimensions - frag.FirstExtended

// MaxExtended is how many extended resources a Format can have.
func MaxExtended() int { return maxExtended }

// vector picks what is counted out of a sum of resources.
func (f *Format) vector(r fwk.Resource) frag.Vector {
	v := frag.Vector{frag.CPU: r.GetMilliCPU(), frag.Memory: r.GetMemory()}
	if scalars := r.GetScalarResources(); len(scalars) > 0 {
		extended := v[frag.FirstExtended:]
		for i, name := range f.Extended {
			extended[i] = scalars[name]
		}
	}
	return v
}

// devices is how many devices a node has. One that had whole devices once goes on saying that it has none.
func (f *Format) devices(allocatable fwk.Resource) int32 {
	scalars := allocatable.GetScalarResources()
	count := scalars[f.Device]
	if count == 0 {
		count = scalars[f.Share] / frag.Device
	}
	return int32(min(max(count, 0), frag.MaxDevices))
}

// shape reads what a pod asks for.
func (l *Ledger) shape(pod *v1.Pod) (frag.Shape, error) {
	f := &l.format
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	var s frag.Shape
	s.Request[frag.CPU] = requests.Cpu().MilliValue()
	s.Request[frag.Memory] = requests.Memory().Value()
	for i, name := range f.Extended {
		if q, ok := requests[name]; ok {
			s.Request[frag.FirstExtended+i] = q.Value()
		}
	}
	whole, share := requests[f.Device], requests[f.Share]
	if err := askDevices(&s, whole.Value(), share.Value()); err != nil {
		return s, fmt.Errorf("reading requests of %s and %s: %w", f.Device, f.Share, err)
	}
	if s.Devices > 0 {
		s.Models = l.modelsOf(pod)
	}
	return s, nil
}

func askDevices(s *frag.Shape, whole, share int64) error {
	switch {
	case whole > 0 && share > 0:
		return fmt.Errorf("a pod may ask for whole devices or for a share of one, not for both")
	case share > frag.Device && share%frag.Device != 0:
		return fmt.Errorf("%d thousandths are neither a share of one device nor whole ones", share)
	case share > 0 && share < frag.Device:
		s.Devices, s.Milli = 1, int32(share)
		return nil
	}
	if whole = max(whole, share/frag.Device); whole > frag.MaxDevices {
		return fmt.Errorf("%d devices are more than a node can have (%d)", whole, frag.MaxDevices)
	}
	if whole > 0 {
		s.Devices, s.Milli = int32(whole), frag.Device
	}
	return nil
}

// modelsOf reads the models that a pod accepts from its node selector and its required node affinity. Terms of
// an affinity are alternatives; one that does not name models accepts all of them.
func (l *Ledger) modelsOf(pod *v1.Pod) frag.Models {
	all := frag.Models(0)
	if name, ok := pod.Spec.NodeSelector[l.format.ModelLabel]; ok {
		all = l.models.bit(name)
	}
	affinity := pod.Spec.Affinity
	if affinity == nil || affinity.NodeAffinity == nil {
		return all
	}
	required := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if required == nil {
		return all
	}
	var any frag.Models
	for i := range required.NodeSelectorTerms {
		named := l.modelsOfTerm(&required.NodeSelectorTerms[i])
		if named == 0 {
			return all
		}
		any |= named
	}
	return both(all, any)
}

// both are the models in two sets. No models would mean all models: of sets that contradict each other the first
// counts, and node affinity turns the pod away.
func both(a, b frag.Models) frag.Models {
	switch {
	case a == 0:
		return b
	case a&b == 0:
		return a
	default:
		return a & b
	}
}

func (l *Ledger) modelsOfTerm(term *v1.NodeSelectorTerm) frag.Models {
	var named frag.Models
	for i := range term.MatchExpressions {
		if e := &term.MatchExpressions[i]; e.Key == l.format.ModelLabel && e.Operator == v1.NodeSelectorOpIn {
			var any frag.Models
			for _, name := range e.Values {
				any |= l.models.bit(name)
			}
			named = both(named, any)
		}
	}
	return named
}

// models numbers the models of devices. The 64th and all after it share a bit: their prices blur, while node
// affinity still keeps them apart.
type models map[string]frag.Models

func (m models) bit(name string) frag.Models {
	if name == "" {
		return 0
	}
	b, ok := m[name]
	if !ok {
		b = 1 << min(len(m), 63)
		m[name] = b
	}
	return b
}

// FormatDevices writes devices as an annotation has them: 0,3,4.
func FormatDevices(devices frag.Mask) string {
	var text []byte
	for devices != 0 {
		if len(text) > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(bits.TrailingZeros32(uint32(devices))), 10)
		devices &= devices - 1
	}
	return string(text)
}

// ParseDevices reads what FormatDevices wrote.
func ParseDevices(text string) (frag.Mask, error) {
	var devices frag.Mask
	for part := range strings.SplitSeq(text, ",") {
		i, err := strconv.ParseUint(part, 10, 8)
		switch {
		case err != nil:
			return 0, fmt.Errorf("reading devices %q: %w", text, err)
		case i >= frag.MaxDevices:
			return 0, fmt.Errorf("reading devices %q: there is no device %d", text, i)
		case devices&(1<<i) != 0:
			return 0, fmt.Errorf("reading devices %q: device %d twice", text, i)
		}
		devices |= 1 << i
	}
	return devices, nil
}
