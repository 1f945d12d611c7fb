package scenariofile

import (
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml"
)

// encode writes a completed document as YAML, its keys in the order of its fields.
func encode(doc *document) ([]byte, error) {
	d := *doc
	d.Schema = "" // a path from where the file was
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("scenariofile: %w", err)
	}
	out, err := yaml.JSONToYAML(raw)
	if err != nil {
		return nil, fmt.Errorf("scenariofile: %w", err)
	}
	return out, nil
}
