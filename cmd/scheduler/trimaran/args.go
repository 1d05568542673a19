package trimaran

import (
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	configv1 "k8s.io/kube-scheduler/config/v1"
	kjson "sigs.k8s.io/json"
)

// The plugins that are translated.
const (
	TargetLoadPacking          = "TargetLoadPacking"
	LoadVariationRiskBalancing = "LoadVariationRiskBalancing"
)

// metricProvider says where usage is measured.
type metricProvider struct {
	Type               string  `json:"type,omitempty"`
	Address            *string `json:"address,omitempty"`
	Token              *string `json:"token,omitempty"`
	InsecureSkipVerify *bool   `json:"insecureSkipVerify,omitempty"`
}

// spec is common to the arguments of both plugins.
type spec struct {
	MetricProvider metricProvider `json:"metricProvider,omitempty"`
	WatcherAddress *string        `json:"watcherAddress,omitempty"`
}

type targetLoadPackingArgs struct {
	metav1.TypeMeta `json:",inline"`
	spec            `json:",inline"`

	DefaultRequests           v1.ResourceList `json:"defaultRequests,omitempty"`
	DefaultRequestsMultiplier *string         `json:"defaultRequestsMultiplier,omitempty"`
	TargetUtilization         *int64          `json:"targetUtilization,omitempty"`
}

type loadVariationRiskBalancingArgs struct {
	metav1.TypeMeta `json:",inline"`
	spec            `json:",inline"`

	SafeVarianceMargin      *float64 `json:"safeVarianceMargin,omitempty"`
	SafeVarianceSensitivity *float64 `json:"safeVarianceSensitivity,omitempty"`
}

// decode reads arguments strictly. No arguments at all are the defaults.
func decode(raw []byte, kind string, into any, meta *metav1.TypeMeta) error {
	if len(raw) == 0 {
		return nil
	}
	strict, err := kjson.UnmarshalStrict(raw, into)
	if err != nil {
		return err
	}
	if err := errors.Join(strict...); err != nil {
		return err
	}
	if version := configv1.SchemeGroupVersion.String(); meta.APIVersion != "" && meta.APIVersion != version {
		return fmt.Errorf("apiVersion is %q: only %q is read", meta.APIVersion, version)
	}
	if meta.Kind != "" && meta.Kind != kind {
		return fmt.Errorf("kind is %q: it must be %q", meta.Kind, kind)
	}
	return nil
}
