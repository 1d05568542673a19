package app

import (
	"bytes"
	_ "embed" // for the default configuration
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	configv1 "k8s.io/kubernetes/pkg/scheduler/apis/config/v1"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/validation"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/cmd/scheduler/trimaran"
	"github.com/evenkeel/evenkeel/plugins/realload"
	realloadconfig "github.com/evenkeel/evenkeel/plugins/realload/config"
)

//go:embed default.yaml
var defaultConfiguration string

const stockConfiguration = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection:
  leaderElect: false
profiles:
- schedulerName: default-scheduler
`

// DefaultConfiguration is the KubeSchedulerConfiguration (YAML) used when none
// is given: the profile evenkeel alone.
func DefaultConfiguration() []byte { return []byte(defaultConfiguration) }

// StockConfiguration is the KubeSchedulerConfiguration (YAML) of the stock
// scheduler: the profile default-scheduler as upstream has it.
func StockConfiguration() []byte { return []byte(stockConfiguration) }

// loadConfiguration reads the file, or the default configuration where file is
// empty, and returns the configuration with all defaults set and the profiles of
// Trimaran's users readied.
func loadConfiguration(file string) (*config.KubeSchedulerConfiguration, error) {
	if file == "" {
		return parseConfiguration(DefaultConfiguration())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading --config: %w", err)
	}
	cfg, err := parseConfiguration(data)
	if err != nil {
		return nil, fmt.Errorf("reading --config %q: %w", file, err)
	}
	return cfg, nil
}

func parseConfiguration(data []byte) (*config.KubeSchedulerConfiguration, error) {
	cfg, err := decodeConfiguration(data)
	if err != nil {
		return nil, blamed(data, err)
	}
	if err := trimaran.Prepare(cfg); err != nil {
		return nil, err
	}
	if err := checkRealLoad(cfg); err != nil {
		return nil, err
	}
	if err := validation.ValidateKubeSchedulerConfiguration(cfg); err != nil {
		return nil, err
	}
	return cfg, nil
}

// checkRealLoad tells wrong arguments with their place, before there is a
// cluster to build plugins for.
func checkRealLoad(cfg *config.KubeSchedulerConfiguration) error {
	for i := range cfg.Profiles {
		for j, entry := range cfg.Profiles[i].PluginConfig {
			if entry.Name != realload.Name {
				continue
			}
			if _, err := realloadconfig.Decode(entry.Args); err != nil {
				return fmt.Errorf("profiles[%d].pluginConfig[%d].args: %w", i, j, err)
			}
		}
	}
	return nil
}

// decodeConfiguration decodes strictly: an unknown or repeated field is an error.
func decodeConfiguration(data []byte) (*config.KubeSchedulerConfiguration, error) {
	object, kind, err := scheme.Codecs.UniversalDecoder().Decode(data, nil, nil)
	if err != nil {
		return nil, err
	}
	cfg, ok := object.(*config.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("kind is %s; it must be KubeSchedulerConfiguration of %s", kind, configv1.SchemeGroupVersion)
	}
	// Conversion drops the version, which validation and the scheduler ask for.
	cfg.APIVersion = kind.GroupVersion().String()
	return cfg, nil
}

// blamed adds to a decoding error the field that causes it, where the error
// does not say: a wrong duration, for one, is reported by its value alone.
func blamed(data []byte, err error) error {
	if runtime.IsStrictDecodingError(err) {
		return err
	}
	path := blame(data, func(candidate []byte) error {
		_, err := decodeConfiguration(candidate)
		if runtime.IsStrictDecodingError(err) {
			return nil
		}
		return err
	})
	if path == "" {
		return err
	}
	return fmt.Errorf("field %s: %w", path, err)
}

// blame returns the path of the field without which decode does not fail,
// empty where no single field is to blame.
func blame(data []byte, decode func([]byte) error) string {
	var root any
	if err := yaml.Unmarshal(data, &root); err != nil {
		return ""
	}
	var found string
	visitLeaves(root, "", func(path string, remove, restore func()) bool {
		remove()
		defer restore()
		candidate, err := yaml.Marshal(root)
		if err == nil && decode(candidate) == nil {
			found = path
		}
		return found == ""
	})
	return found
}

// visitLeaves calls visit for each field that holds a plain value, until it
// answers false.
func visitLeaves(value any, path string, visit func(path string, remove, restore func()) bool) bool {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			child, at := value[key], key
			if path != "" {
				at = path + "." + key
			}
			if !isLeaf(child) {
				if !visitLeaves(child, at, visit) {
					return false
				}
				continue
			}
			if !visit(at, func() { delete(value, key) }, func() { value[key] = child }) {
				return false
			}
		}
	case []any:
		for i, child := range value {
			if !visitLeaves(child, fmt.Sprintf("%s[%d]", path, i), visit) {
				return false
			}
		}
	}
	return true
}

func isLeaf(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	default:
		return true
	}
}

// encodeConfiguration writes a configuration as YAML, with every default.
func encodeConfiguration(cfg *config.KubeSchedulerConfiguration) ([]byte, error) {
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeYAML)
	if !ok {
		return nil, errors.New("writing the configuration: no YAML encoder")
	}
	var buffer bytes.Buffer
	if err := scheme.Codecs.EncoderForVersion(info.Serializer, configv1.SchemeGroupVersion).Encode(cfg, &buffer); err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	return buffer.Bytes(), nil
}

func profileNames(cfg *config.KubeSchedulerConfiguration) []string {
	var names []string
	for i := range cfg.Profiles {
		names = append(names, cfg.Profiles[i].SchedulerName)
	}
	return names
}
