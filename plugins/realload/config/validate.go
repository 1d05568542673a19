package config

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// MaxTiers is how many tiers there may be.
const MaxTiers = 8

// validate returns what is wrong with a, once defaulted.
func (a *Args) validate() field.ErrorList {
	var errs field.ErrorList
	modes := []string{ModeSpread, ModePack, ModeTargetLoadPacking, ModeLoadVariationRiskBalancing}
	if !sets.New(modes...).Has(a.Mode) {
		errs = append(errs, field.NotSupported(field.NewPath("mode"), a.Mode, modes))
	}
	errs = append(errs, within(field.NewPath("target"), a.Target, 1, 99)...)
	errs = append(errs, within(field.NewPath("riskFactor"), *a.RiskFactor, 0, 10)...)
	errs = append(errs, a.validateTimes()...)
	errs = append(errs, a.validateRequests()...)
	errs = append(errs, a.validateTiers()...)
	errs = append(errs, a.validateTrimaran()...)
	return append(errs, a.Usage.Validate(field.NewPath("usage"))...)
}

func (a *Args) validateTimes() field.ErrorList {
	var errs field.ErrorList
	errs = append(errs, positive(field.NewPath("warmup"), a.Warmup.Duration)...)
	errs = append(errs, positive(field.NewPath("freshFor"), a.FreshFor.Duration)...)
	errs = append(errs, positive(field.NewPath("clockSkew"), a.ClockSkew.Duration)...)
	if a.ExpireAfter.Duration <= a.FreshFor.Duration {
		errs = append(errs, field.Invalid(field.NewPath("expireAfter"), a.ExpireAfter.Duration.String(),
			"must be longer than freshFor ("+a.FreshFor.Duration.String()+")"))
	}
	return errs
}

func (a *Args) validateRequests() field.ErrorList {
	r, path := a.Requests, field.NewPath("requests")
	errs := within(path.Child("cpuFactor"), *r.CPUFactor, 0.01, 10)
	errs = append(errs, within(path.Child("memoryFactor"), *r.MemoryFactor, 0.01, 10)...)
	if r.DefaultCPU.Sign() < 0 {
		errs = append(errs, field.Invalid(path.Child("defaultCPU"), r.DefaultCPU.String(), "must not be negative"))
	}
	if r.DefaultMemory.Sign() < 0 {
		errs = append(errs, field.Invalid(path.Child("defaultMemory"), r.DefaultMemory.String(), "must not be negative"))
	}
	if c := a.Capacity.Network; c != nil && c.Sign() <= 0 {
		errs = append(errs, field.Invalid(field.NewPath("capacity", "network"), c.String(), "must be positive"))
	}
	if c := a.Capacity.Disk; c != nil && c.Sign() <= 0 {
		errs = append(errs, field.Invalid(field.NewPath("capacity", "disk"), c.String(), "must be positive"))
	}
	return errs
}

func (a *Args) validateTiers() field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("tiers")
	if len(a.Tiers) > MaxTiers {
		errs = append(errs, field.TooMany(path, len(a.Tiers), MaxTiers))
	}
	names, priorities := sets.New[string](), sets.New[int32]()
	for i := range a.Tiers {
		t, path := &a.Tiers[i], path.Index(i)
		if t.Name == "" {
			errs = append(errs, field.Required(path.Child("name"), "a tier needs a name"))
		}
		if names.Has(t.Name) {
			errs = append(errs, field.Duplicate(path.Child("name"), t.Name))
		}
		if priorities.Has(t.MinPriority) {
			errs = append(errs, field.Duplicate(path.Child("minPriority"), t.MinPriority))
		}
		names.Insert(t.Name)
		priorities.Insert(t.MinPriority)
		errs = append(errs, positive(path.Child("patience"), t.Patience.Duration)...)
		errs = append(errs, t.validateThresholds(path)...)
	}
	return errs
}

func (t *Tier) validateThresholds(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	cools := t.CoolBelow.Fields()
	for d, hot := range t.HotAbove.Fields() {
		name, cool := usage.Dimension(d).String(), *cools[d]
		switch {
		case *hot == nil && cool != nil:
			errs = append(errs, field.Required(path.Child("hotAbove", name), "coolBelow is set for this dimension"))
		case *hot != nil:
			errs = append(errs, within(path.Child("hotAbove", name), **hot, 1, 1000)...)
			errs = append(errs, within(path.Child("coolBelow", name), *cool, 0, 1000)...)
			if *cool >= **hot {
				errs = append(errs, field.Invalid(path.Child("coolBelow", name), *cool,
					fmt.Sprintf("must be less than hotAbove (%d)", **hot)))
			}
		}
	}
	return errs
}

func (a *Args) validateTrimaran() field.ErrorList {
	t, path := a.TargetLoadPacking, field.NewPath("targetLoadPacking")
	errs := within(path.Child("targetUtilization"), t.TargetUtilization, 1, 99)
	errs = append(errs, within(path.Child("defaultRequestsMultiplier"), *t.DefaultRequestsMultiplier, 0.01, 100)...)
	if t.DefaultRequests.Sign() < 0 {
		errs = append(errs, field.Invalid(path.Child("defaultRequests"), t.DefaultRequests.String(), "must not be negative"))
	}
	l, path := a.LoadVariationRiskBalancing, field.NewPath("loadVariationRiskBalancing")
	errs = append(errs, within(path.Child("safeVarianceMargin"), *l.SafeVarianceMargin, 0, 1e6)...)
	return append(errs, within(path.Child("safeVarianceSensitivity"), *l.SafeVarianceSensitivity, 0, 1e6)...)
}

type number interface{ ~int64 | ~float64 }

func within[T number](path *field.Path, value, least, most T) field.ErrorList {
	// Written so that NaN is refused too.
	if value >= least && value <= most {
		return nil
	}
	return field.ErrorList{field.Invalid(path, value, fmt.Sprintf("must be from %v to %v", least, most))}
}

func positive[T interface {
	~int64
	String() string
}](path *field.Path, value T) field.ErrorList {
	if value > 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, value.String(), "must be positive")}
}
