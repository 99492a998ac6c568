package config

import (
	"encoding/json"

	"fpmlint/lint"
)

// object is a part of a JSON Schema.
type object map[string]any

// Schema is the JSON Schema of policy files for editors, with the rules and their options.
func Schema(all []lint.Rule) ([]byte, error) {
	byID := object{}
	for _, r := range all {
		byID[r.ID] = ruleSchema(r)
	}
	text := func(doc string) object { return object{"type": "string", "minLength": 1, "description": doc} }
	texts := func(doc string) object {
		return object{"description": doc, "oneOf": []object{
			{"type": "string", "minLength": 1},
			{"type": "array", "items": object{"type": "string", "minLength": 1}},
		}}
	}
	facts := object{
		"ram":        size("The host's memory, such as 2G."),
		"reserve":    size("Memory that the rest of the host needs."),
		"worker-rss": size("Memory of one PHP worker, such as 64M."),
	}
	stack := object{
		"name":       text("What reports call the stack."),
		"paths":      texts("A directory, a snapshot, or files that make one stack."),
		"root":       text("A directory that is laid out like a root."),
		"nginx-root": text("The root of an nginx image that is apart from PHP."),
		"fpm-root":   text("The root of a PHP image that is apart from nginx."),
		"nginx-conf": texts("nginx's main files, where they are not found by themselves."),
		"fpm-conf":   texts("PHP-FPM's main files, likewise."),
		"hosts": object{
			"description":          "The FPM sides, each a directory or a file, by the host names under which nginx reaches them.",
			"type":                 []string{"object", "null"},
			"additionalProperties": object{"type": "string", "minLength": 1},
		},
	}.with(facts)
	schema := object{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "fpmlint policy",
		"description":          "The file " + Name + ". Paths are relative to it.",
		"type":                 []string{"object", "null"},
		"additionalProperties": false,
		"properties": object{
			"fail-on":  object{"description": "The severity from which findings make fpmlint lint exit with 1.", "enum": failOns},
			"baseline": text("The file of known findings, which fpmlint lint --write-baseline wrote."),
			"ignore": object{
				"description": "Patterns of files in which findings do not count, such as tests/**.",
				"type":        []string{"array", "null"}, "items": object{"type": "string", "minLength": 1},
			},
			"rules": object{"description": "Rules by name.", "type": []string{"object", "null"}, "additionalProperties": false, "properties": byID},
			"stacks": object{
				"description": "What is linted where the command line names nothing.",
				"type":        []string{"array", "null"},
				"items":       object{"type": "object", "required": []string{"name"}, "additionalProperties": false, "properties": stack},
			},
		}.with(facts),
	}
	out, err := json.MarshalIndent(schema, "", "  ")
	return append(out, '\n'), err
}

func (o object) with(more object) object {
	for k, v := range more {
		o[k] = v
	}
	return o
}

func size(doc string) object {
	return object{"description": doc, "type": []string{"string", "integer"}}
}

func ruleSchema(r lint.Rule) object {
	words := append([]string{off}, severities...)
	full := object{"severity": object{"enum": words}}
	if len(r.Options) > 0 {
		options := object{}
		for _, o := range r.Options {
			s := object{"description": o.Doc, "default": o.Default, "type": "string"}
			switch o.Kind {
			case lint.Count:
				s["type"], s["pattern"] = []string{"integer", "string"}, "^[0-9]+$"
			case lint.Size:
				s["type"] = []string{"integer", "string"}
			}
			options[o.Name] = s
		}
		full["options"] = object{"type": []string{"object", "null"}, "additionalProperties": false, "properties": options}
	}
	return object{"description": r.Summary, "oneOf": []object{
		{"enum": words},
		{"type": []string{"object", "null"}, "additionalProperties": false, "properties": full},
	}}
}
