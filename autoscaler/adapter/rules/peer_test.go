package rules

import (
	"testing"

	"sigs.k8s.io/prometheus-adapter/pkg/config"
	"sigs.k8s.io/prometheus-adapter/pkg/naming"
)

func TestX(t *testing.T) {
	_, _ = config.FromYAML(nil)
	_, _ = naming.NamersFromConfig(nil, nil)
}
