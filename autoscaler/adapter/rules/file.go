package rules

// The fields of prometheus-adapter's rules file (its v0.12.0, pkg/config), as they are spelt there.

type file struct {
	Rules         []discoveryRule `yaml:"rules"`
	ExternalRules []discoveryRule `yaml:"externalRules"`
	ResourceRules *resourceRules  `yaml:"resourceRules"`
}

type discoveryRule struct {
	SeriesQuery   string          `yaml:"seriesQuery"`
	SeriesFilters []seriesFilter  `yaml:"seriesFilters"`
	Resources     resourceMapping `yaml:"resources"`
	Name          nameMapping     `yaml:"name"`
	MetricsQuery  string          `yaml:"metricsQuery"`
}

type seriesFilter struct {
	Is    string `yaml:"is"`
	IsNot string `yaml:"isNot"`
}

type resourceMapping struct {
	Template   string                   `yaml:"template"`
	Overrides  map[string]groupResource `yaml:"overrides"`
	Namespaced *bool                    `yaml:"namespaced"`
}

type groupResource struct {
	Group    string `yaml:"group"`
	Resource string `yaml:"resource"`
}

type nameMapping struct {
	Matches string `yaml:"matches"`
	As      string `yaml:"as"`
}

type resourceRules struct {
	CPU    resourceRule `yaml:"cpu"`
	Memory resourceRule `yaml:"memory"`
	Window string       `yaml:"window"`
}

type resourceRule struct {
	ContainerQuery string          `yaml:"containerQuery"`
	NodeQuery      string          `yaml:"nodeQuery"`
	Resources      resourceMapping `yaml:"resources"`
	ContainerLabel string          `yaml:"containerLabel"`
}
