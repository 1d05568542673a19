package antifragmentation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/internal/arguments"
	"github.com/evenkeel/evenkeel/plugins/antifragmentation/ledger"
)

// Mode is what a good placement is.
type Mode string

// The modes.
const (
	// Fragmentation costs the least of what the cluster's own demand could still use.
	Fragmentation Mode = "Fragmentation"
	// MostRequested fills the fullest node.
	MostRequested Mode = "MostRequested"
	// Balanced keeps the parts requested of each resource alike.
	Balanced Mode = "Balanced"
)

// Args are the plugin's arguments.
type Args struct {
	// Mode is what a good placement is. Default Fragmentation.
	Mode Mode `json:"mode,omitempty"`
	// Devices says how nodes and pods speak of GPUs or other devices.
	Devices Devices `json:"devices,omitempty"`
	// ExtendedResources are counted as CPU and memory are, at most four. Default: none.
	ExtendedResources []v1.ResourceName `json:"extendedResources,omitempty"`
	// HalfLife is how long a pod that is gone takes to count half of one that is there, when it is judged what
	// pods the cluster is asked for. Default 24h.
	HalfLife *metav1.Duration `json:"halfLife,omitempty"`
}

// Devices says how nodes and pods speak of devices.
type Devices struct {
	// Resource is the resource of whole devices. Default nvidia.com/gpu.
	Resource v1.ResourceName `json:"resource,omitempty"`
	// ShareResource is the resource of thousandths of one device. Default evenkeel.dev/gpu-milli.
	ShareResource v1.ResourceName `json:"shareResource,omitempty"`
	// ModelLabel is the node label with the model of its devices. Default nvidia.com/gpu.product.
	ModelLabel string `json:"modelLabel,omitempty"`
	// Annotation is the pod annotation that names its devices, as in 0,3. Default evenkeel.dev/gpu-devices.
	Annotation string `json:"annotation,omitempty"`
}

func decode(obj runtime.Object) (*Args, error) {
	args := &Args{}
	if err := arguments.Decode(obj, args); err != nil {
		return nil, err
	}
	args.setDefaults()
	if err := args.validate().ToAggregate(); err != nil {
		return nil, fmt.Errorf("validating arguments: %w", err)
	}
	return args, nil
}

func (a *Args) setDefaults() {
	def(&a.Mode, Fragmentation)
	def(&a.Devices.Resource, "nvidia.com/gpu")
	def(&a.Devices.ShareResource, "evenkeel.dev/gpu-milli")
	def(&a.Devices.ModelLabel, "nvidia.com/gpu.product")
	def(&a.Devices.Annotation, "evenkeel.dev/gpu-devices")
	if a.HalfLife == nil {
		a.HalfLife = &metav1.Duration{Duration: 24 * time.Hour}
	}
}

func def[T comparable](value *T, instead T) {
	var zero T
	if *value == zero {
		*value = instead
	}
}

func (a *Args) validate() field.ErrorList {
	var errs field.ErrorList
	if modes := []Mode{Fragmentation, MostRequested, Balanced}; !slices.Contains(modes, a.Mode) {
		errs = append(errs, field.NotSupported(field.NewPath("mode"), a.Mode, modes))
	}
	if a.HalfLife.Duration < time.Minute {
		errs = append(errs, field.Invalid(field.NewPath("halfLife"), a.HalfLife.Duration.String(), "must be 1m or more"))
	}
	d, path := &a.Devices, field.NewPath("devices")
	errs = append(errs, extended(path.Child("resource"), d.Resource)...)
	errs = append(errs, extended(path.Child("shareResource"), d.ShareResource)...)
	errs = append(errs, qualified(path.Child("modelLabel"), d.ModelLabel)...)
	errs = append(errs, qualified(path.Child("annotation"), d.Annotation)...)
	if d.Resource == d.ShareResource {
		const clash = "must not be the resource of whole devices"
		errs = append(errs, field.Invalid(path.Child("shareResource"), d.ShareResource, clash))
	}
	return append(errs, a.validateExtended()...)
}

func (a *Args) validateExtended() field.ErrorList {
	path := field.NewPath("extendedResources")
	var errs field.ErrorList
	if most := ledger.MaxExtended(); len(a.ExtendedResources) > most {
		errs = append(errs, field.TooMany(path, len(a.ExtendedResources), most))
	}
	for i, name := range a.ExtendedResources {
		errs = append(errs, extended(path.Index(i), name)...)
		switch {
		case name == a.Devices.Resource || name == a.Devices.ShareResource:
			errs = append(errs, field.Invalid(path.Index(i), name, "is counted as devices"))
		case slices.Contains(a.ExtendedResources[:i], name):
			errs = append(errs, field.Duplicate(path.Index(i), name))
		}
	}
	return errs
}

// extended names a resource that nodes count beside CPU, memory, ephemeral storage and pods.
func extended(path *field.Path, name v1.ResourceName) field.ErrorList {
	if !strings.Contains(string(name), "/") && !strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix) {
		return field.ErrorList{field.Invalid(path, name, "is no extended resource, such as example.com/disks")}
	}
	return qualified(path, string(name))
}

func qualified(path *field.Path, name string) field.ErrorList {
	var errs field.ErrorList
	for _, message := range validation.IsQualifiedName(name) {
		errs = append(errs, field.Invalid(path, name, message))
	}
	return errs
}

func (a *Args) format() ledger.Format {
	return ledger.Format{
		Device: a.Devices.Resource, Share: a.Devices.ShareResource,
		ModelLabel: a.Devices.ModelLabel, Annotation: a.Devices.Annotation,
		Extended: a.ExtendedResources,
	}
}
