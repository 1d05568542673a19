package scenario

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/manifests/crd"
)

// DefineResources makes evenkeel's custom resources part of the API, and returns once they are served.
func DefineResources(ctx context.Context, config *rest.Config) error {
	client, err := apiextensions.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("defining custom resources: %w", err)
	}
	files, err := fs.Glob(crd.Files, "*.yaml")
	if err != nil {
		return fmt.Errorf("defining custom resources: %w", err)
	}
	for _, file := range files {
		if err := defineResource(ctx, client, file); err != nil {
			return fmt.Errorf("defining the custom resource of %s: %w", file, err)
		}
	}
	return nil
}

func defineResource(ctx context.Context, client apiextensions.Interface, file string) error {
	raw, err := crd.Files.ReadFile(file)
	if err != nil {
		return err
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(raw, &definition); err != nil {
		return err
	}
	definitions := client.ApiextensionsV1().CustomResourceDefinitions()
	if _, err := definitions.Create(ctx, &definition, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	spec := &definition.Spec
	path := []string{"apis", spec.Group, spec.Versions[0].Name, spec.Names.Plural}
	return wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		err := client.Discovery().RESTClient().Get().AbsPath(path...).Do(ctx).Error()
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
}
