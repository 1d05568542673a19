package router

import "k8s.io/apimachinery/pkg/util/validation/field"

// Validate says what is wrong with a configuration that has its defaults.
func (c *ShadowConfig) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.Every < 1 {
		errs = append(errs, field.Invalid(path.Child("every"), c.Every, "must be at least 1: all reads"))
	}
	if c.Concurrency < 1 || c.Concurrency > 64 {
		errs = append(errs, field.Invalid(path.Child("concurrency"), c.Concurrency, "must be from 1 to 64"))
	}
	if !(c.Tolerance >= 0 && c.Tolerance <= 1) {
		errs = append(errs, field.Invalid(path.Child("tolerance"), c.Tolerance, "must be from 0 to 1, a share of the larger value"))
	}
	if c.TimeoutSeconds < 1 {
		errs = append(errs, field.Invalid(path.Child("timeoutSeconds"), c.TimeoutSeconds, "must be at least 1"))
	}
	return errs
}
