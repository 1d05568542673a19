package config

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/evenkeel/evenkeel/internal/arguments"
)

// Decode reads arguments (JSON or YAML) strictly, sets defaults and validates. Whatever is
// wrong is told with the path of the field.
func Decode(obj runtime.Object) (*Args, error) {
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

// Object returns the arguments in the form that a plugin factory takes.
func (a *Args) Object() (runtime.Object, error) { return arguments.Object(a) }
