package arch

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// A unit that operators configure and watch tells them these things, each under a heading of its own.
var sections = map[string]*regexp.Regexp{
	"configuration":                    regexp.MustCompile(`(?im)^#+ .*config`),
	"metrics":                          regexp.MustCompile(`(?im)^#+ .*metric`),
	"events and reasons":               regexp.MustCompile(`(?im)^#+ .*(event|reason)`),
	"what it does without data":        regexp.MustCompile(`(?im)^#+ .*(missing|without|no data|stale)`),
	"a title and a paragraph below it": regexp.MustCompile(`\A# \S.*\n\n[^#\s]`),
}

func sectionsOf(unit string) []string {
	required := []string{"a title and a paragraph below it"}
	switch top(unit) {
	case "plugins", "descheduler", "autoscaler":
		required = append(required, "configuration", "metrics", "events and reasons", "what it does without data")
	}
	return required
}

func unitsHaveReadmes(t *tree) []finding {
	var units []string
	for _, dir := range t.dirs() {
		if dir != "." && top(dir) != "api" {
			units = append(units, unit(dir))
		}
	}
	slices.Sort(units)
	var found []finding
	for _, unit := range slices.Compact(units) {
		readme, err := fs.ReadFile(t.fsys, path.Join(unit, "README.md"))
		if err != nil {
			found = append(found, finding{unit, "has no README.md"})
			continue
		}
		for _, section := range sectionsOf(unit) {
			if !sections[section].Match(readme) {
				found = append(found, finding{unit + "/README.md", "lacks " + section})
			}
		}
	}
	return found
}

// manifestsParse reads each document of manifests/ strictly: a key given twice is an error.
func manifestsParse(t *tree) []finding {
	var found []finding
	err := fs.WalkDir(t.fsys, "manifests", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) {
			return err
		}
		content, err := fs.ReadFile(t.fsys, name)
		if err != nil {
			return err
		}
		for _, document := range strings.Split("\n"+string(content), "\n---") {
			if problem := problemOf(document, path.Ext(name) != ".json"); problem != "" {
				found = append(found, finding{name, problem})
			}
		}
		return nil
	})
	if err != nil && !isMissing(t.fsys, "manifests") {
		found = append(found, finding{"manifests", err.Error()})
	}
	return found
}

func isMissing(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err != nil
}

func problemOf(document string, object bool) string {
	var content map[string]any
	if err := yaml.UnmarshalStrict([]byte(document), &content); err != nil {
		return err.Error()
	}
	if object && len(content) > 0 && (content["apiVersion"] == nil || content["kind"] == nil) {
		return "a document has no apiVersion or kind"
	}
	return ""
}
