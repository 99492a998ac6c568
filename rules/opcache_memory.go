package rules

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"fpmlint/lint"
)

//go:embed opcache-memory.md
var opcacheMemoryDoc string

// OpcacheMemory reports an opcache that is off or smaller than by default.
var OpcacheMemory = lint.Rule{
	ID:       "opcache-memory",
	Severity: lint.Info,
	Family:   "crashes",
	Summary:  "the opcache is off or smaller than by default",
	Doc:      opcacheMemoryDoc,
	Check:    checkOpcacheMemory,
}

// opcacheDefaults are the values that opcache has where nothing is set (zend_accelerator_module.c).
var opcacheDefaults = []struct {
	name, unit string
	value      int
}{
	{"opcache.memory_consumption", " MB", 128},
	{"opcache.interned_strings_buffer", " MB", 8},
	{"opcache.max_accelerated_files", " files", 10000},
}

func checkOpcacheMemory(p *lint.Pass) {
	for _, pool := range servingPools(p.Stack) {
		enable := pool.Ini("opcache.enable")
		if !enable.IsDefault && enable.Unknown == "" && !iniOn(enable.Text) {
			p.Report(lint.Finding{
				Message: "opcache.enable is off in PHP-FPM: every request compiles all of its scripts again",
				Help:    "switch it on; where code changes must show at once, opcache.validate_timestamps with opcache.revalidate_freq = 0 does it",
				Span:    enable.Span,
			})
			continue
		}
		for _, d := range opcacheDefaults {
			s := pool.Ini(d.name)
			n, err := strconv.Atoi(strings.TrimSpace(s.Text))
			if s.IsDefault || s.Unknown != "" || err != nil || n >= d.value || n <= 0 {
				continue
			}
			p.Report(lint.Finding{
				Message: fmt.Sprintf("%s = %d is below PHP's default of %d%s: when it is full, further scripts are compiled at every request", d.name, n, d.value, d.unit),
				Help:    fmt.Sprintf("take the line out, or set it to %d and more", d.value),
				Span:    s.Span,
			})
		}
	}
}

// iniOn reads a switch of php.ini (zend_ini_parse_bool).
func iniOn(text string) bool {
	switch strings.ToLower(text) {
	case "on", "yes", "true":
		return true
	}
	n, _ := strconv.Atoi(strings.TrimSpace(text)) // no number: off
	return n != 0
}
