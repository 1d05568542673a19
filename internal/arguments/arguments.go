// Package arguments reads the arguments of scheduler plugins strictly, so that a typo is an error that names
// the field.
package arguments

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Decode reads what a scheduler configuration says (JSON or YAML) into a pointer to a struct. Nothing said
// leaves it as it is.
func Decode(obj runtime.Object, into any) error {
	switch obj := obj.(type) {
	case nil:
		return nil
	case *runtime.Unknown:
		if err := decodeRaw(obj.Raw, into); err != nil {
			return fmt.Errorf("decoding arguments: %w", err)
		}
		return nil
	default:
		return fmt.Errorf("decoding arguments: got a %T, want JSON or YAML", obj)
	}
}

// Object returns arguments in the form that a plugin factory takes.
func Object(args any) (runtime.Object, error) {
	raw, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("encoding arguments: %w", err)
	}
	return &runtime.Unknown{Raw: raw, ContentType: runtime.ContentTypeJSON}, nil
}

func decodeRaw(raw []byte, into any) error {
	if len(raw) == 0 {
		return nil
	}
	raw, err := yaml.YAMLToJSONStrict(raw)
	if err != nil {
		return err
	}
	strict, err := kjson.UnmarshalStrict(raw, into)
	if err != nil {
		return locate(raw, reflect.TypeOf(into), err)
	}
	return errors.Join(strict...)
}

// locate names the fields whose values do not parse: a type that decodes itself,
// such as a duration or a quantity, does not know what field it is in.
func locate(raw []byte, t reflect.Type, cause error) error {
	var tree any
	if json.Unmarshal(raw, &tree) != nil {
		return cause
	}
	errs := misfits(t, tree, nil)
	if len(errs) == 0 {
		return cause
	}
	return errs.ToAggregate()
}

func misfits(t reflect.Type, value any, path *field.Path) field.ErrorList {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	decodesItself := reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
	switch {
	case value == nil:
		return nil
	case t.Kind() == reflect.Struct && !decodesItself:
		return misfitsOfObject(t, value, path)
	case t.Kind() == reflect.Slice:
		return misfitsOfList(t, value, path)
	}
	raw, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(raw, reflect.New(t).Interface())
	}
	if err != nil {
		return field.ErrorList{field.Invalid(path, value, err.Error())}
	}
	return nil
}

func misfitsOfObject(t reflect.Type, value any, path *field.Path) field.ErrorList {
	object, ok := value.(map[string]any)
	if !ok {
		return field.ErrorList{field.TypeInvalid(path, value, "must be an object")}
	}
	var errs field.ErrorList
	for name, f := range jsonFields(t) {
		errs = append(errs, misfits(f, object[name], child(path, name))...)
	}
	return errs
}

func misfitsOfList(t reflect.Type, value any, path *field.Path) field.ErrorList {
	list, ok := value.([]any)
	if !ok {
		return field.ErrorList{field.TypeInvalid(path, value, "must be a list")}
	}
	var errs field.ErrorList
	for i, v := range list {
		errs = append(errs, misfits(t.Elem(), v, path.Index(i))...)
	}
	return errs
}

func child(path *field.Path, name string) *field.Path {
	if path == nil {
		return field.NewPath(name)
	}
	return path.Child(name)
}

// jsonFields returns the types of t's fields by their names in JSON.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			for name, inner := range jsonFields(f.Type) {
				fields[name] = inner
			}
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
	return fields
}
