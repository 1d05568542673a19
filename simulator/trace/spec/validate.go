package spec

import (
	"math"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/simulator/trace/source"
	"github.com/evenkeel/evenkeel/simulator/trace/usage"
)

const (
	maxCount  = 100_000 // of nodes in a pool, pods in a burst, and repeats
	maxFactor = 1000
	maxCores  = 1e6     // of a machine
	maxSize   = 1 << 60 // bytes of memory
	maxGPUs   = 1 << 16
	wholeGPU  = 1000 // thousandths
)

// problems gathers what is wrong.
type problems struct{ field.ErrorList }

func (p *problems) require(ok bool, path *field.Path, value any, cure string) {
	if !ok {
		p.ErrorList = append(p.ErrorList, field.Invalid(path, value, cure))
	}
}

func (p *problems) duration(value time.Duration, path *field.Path) {
	p.require(value >= 0 && value <= source.Longest, path, value.String(), "must be within 0..10 years")
}

func (p *problems) factor(value *float64, path *field.Path) {
	if value != nil {
		p.require(*value > 0 && *value <= maxFactor, path, *value, "must be more than 0, at most 1000")
	}
}

func (p *problems) quantity(value *resource.Quantity, most int64, path *field.Path) {
	p.require(value.Sign() >= 0 && value.CmpInt64(most) <= 0, path, value.String(), "must not be negative, nor more than any machine has")
}

func (p *problems) name(value string, path *field.Path) {
	ok := len(validation.IsDNS1123Subdomain(value)) == 0 && len(value) <= validation.LabelValueMaxLength
	p.require(ok, path, value, "must be a name: up to 63 lower case letters, digits, '-' and '.'")
}

func (p *problems) prefix(value string, path *field.Path) {
	p.require(len(validation.IsDNS1123Subdomain(value+"a")) == 0, path, value, "must begin a name: lower case letters, digits, '-' and '.'")
}

func (p *problems) model(value string, path *field.Path) {
	p.require(len(validation.IsValidLabelValue(value)) == 0, path, value, "must be a label's value")
}

func (s *Scenario) validate() field.ErrorList {
	p := &problems{}
	p.require(s.APIVersion == APIVersion, field.NewPath("apiVersion"), s.APIVersion, "must be "+APIVersion)
	p.require(s.Kind == Kind, field.NewPath("kind"), s.Kind, "must be "+Kind)
	p.duration(s.Duration.Duration, field.NewPath("duration"))
	p.require(len(s.Nodes) > 0 || s.Snapshot != nil, field.NewPath("nodes"), "", "there must be nodes or a snapshot")
	for i := range s.Nodes {
		path := field.NewPath("nodes").Index(i)
		p.require((s.Nodes[i].File == "") != (s.Nodes[i].Pool == nil), path, s.Nodes[i].File, "must have either file or pool")
		if s.Nodes[i].Pool != nil {
			s.Nodes[i].Pool.validate(p, path.Child("pool"))
		}
	}
	for i, pods := range s.Pods {
		path := field.NewPath("pods").Index(i)
		p.require(pods.File != "", path.Child("file"), "", "must name a file of pods")
		p.prefix(pods.Prefix, path.Child("prefix"))
		p.require(pods.Repeat >= 0 && pods.Repeat <= maxCount, path.Child("repeat"), pods.Repeat, "must be within 0..100000")
	}
	p.require(s.Snapshot == nil || s.Snapshot.File != "", field.NewPath("snapshot", "file"), "", "must name a file of nodes and pods")
	s.validateChanges(p)
	for i := range s.Events {
		s.Events[i].validate(p, field.NewPath("events").Index(i))
	}
	return p.ErrorList
}

func (s *Scenario) validateChanges(p *problems) {
	demand, arrivals := field.NewPath("demand"), field.NewPath("arrivals")
	p.factor(s.Demand.Scale, demand.Child("scale"))
	p.factor(s.Demand.Tune, demand.Child("tune"))
	p.require(s.Demand.Scale == nil || s.Demand.Tune == nil, demand, "scale, tune", "must have one of them at most")
	if s.Usage != nil {
		path, format := field.NewPath("usage"), s.Usage.Format
		p.require(s.Usage.File != "", path.Child("file"), "", "must name a file of usage")
		p.require(format == usage.PlanetLab || format == usage.Bitbrains || format == usage.CSV, path.Child("format"), format,
			"must be planetlab, bitbrains or csv")
		p.factor(s.Usage.Scale, path.Child("scale"))
	}
	a := s.Arrivals
	p.require(a.Order == "" || a.Order == OrderTrace || a.Order == OrderShuffled, arrivals.Child("order"), a.Order, "must be trace or shuffled")
	p.require(a.Every == nil || a.Poisson == nil, arrivals, "every, poisson", "must have one of them at most")
	if a.Every != nil {
		p.duration(a.Every.Duration, arrivals.Child("every"))
	}
	if a.Poisson != nil {
		p.duration(a.Poisson.Duration, arrivals.Child("poisson"))
	}
}

func (pool *Pool) validate(p *problems, path *field.Path) {
	p.name(pool.Name, path.Child("name"))
	p.require(pool.Count >= 1 && pool.Count <= maxCount, path.Child("count"), pool.Count, "must be within 1..100000")
	p.quantity(&pool.CPU, maxCores, path.Child("cpu"))
	p.quantity(&pool.Memory, maxSize, path.Child("memory"))
	p.require(pool.GPU >= 0 && pool.GPU <= maxGPUs, path.Child("gpu"), pool.GPU, "must be within 0..65536")
	p.model(pool.Model, path.Child("model"))
	p.require(pool.Price >= 0 && pool.Price <= math.MaxFloat32, path.Child("price"), pool.Price, "must not be negative")
	for key, value := range pool.Labels {
		ok := len(validation.IsQualifiedName(key)) == 0 && len(validation.IsValidLabelValue(value)) == 0
		p.require(ok, path.Child("labels").Key(key), value, "must be a label")
	}
}

func (e *EventSource) validate(p *problems, path *field.Path) {
	p.duration(e.At.Duration, path.Child("at"))
	p.require(e.Count >= 0 && e.Count <= maxCount, path.Child("count"), e.Count, "must be within 0..100000")
	switch e.Kind {
	case NodeLoss, Drain:
		named := 0
		for _, given := range []bool{e.Node != "", len(e.Nodes) > 0, e.Pool != ""} {
			if given {
				named++
			}
		}
		p.require(named == 1, path, e.Kind, "must have exactly one of node, nodes and pool")
		p.require((e.Pool != "") == (e.Count > 0), path.Child("count"), e.Count, "must be given with pool, and only then")
		p.require(e.Pods == nil, path.Child("pods"), "", "must be left to Burst")
	case Burst:
		p.require(e.Node == "" && e.Nodes == nil && e.Pool == "", path, e.Kind, "must not name nodes")
		if p.require(e.Pods != nil, path.Child("pods"), "", "must have file or template"); e.Pods != nil {
			e.Pods.validate(p, e.Count, path)
		}
	default:
		p.require(false, path.Child("kind"), e.Kind, "must be NodeLoss, Drain or Burst")
	}
}

func (b *BurstPods) validate(p *problems, count int, event *field.Path) {
	path := event.Child("pods")
	p.require((b.File == "") != (b.Template == nil), path, b.File, "must have either file or template")
	p.prefix(b.Prefix, path.Child("prefix"))
	t := b.Template
	if t == nil {
		return
	}
	p.require(count > 0, event.Child("count"), count, "must say how many of the template")
	path = path.Child("template")
	p.name(t.Name, path.Child("name"))
	p.quantity(&t.CPU, maxCores, path.Child("cpu"))
	p.quantity(&t.Memory, maxSize, path.Child("memory"))
	p.require(t.GPU >= 0 && t.GPU <= maxGPUs, path.Child("gpu"), t.GPU, "must be within 0..65536")
	p.require(t.GPUMilli >= 0 && t.GPUMilli < wholeGPU, path.Child("gpuMilli"), t.GPUMilli, "must be within 1..999; use gpu for whole ones")
	p.require(t.GPU == 0 || t.GPUMilli == 0, path.Child("gpuMilli"), t.GPUMilli, "must not be given with gpu")
	for i, model := range t.Models {
		p.model(model, path.Child("models").Index(i))
		p.require(model != "", path.Child("models").Index(i), model, "must not be empty")
	}
	p.duration(t.Life.Duration, path.Child("life"))
}
