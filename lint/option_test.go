package lint_test

import (
	"testing"
	"time"

	"fpmlint/lint"
)

var optional = lint.Rule{
	ID: "test", Severity: lint.Info,
	Options: []lint.Option{
		{Name: "number", Kind: lint.Count, Default: "7"},
		{Name: "time", Kind: lint.Duration, Default: "30s"},
		{Name: "size", Kind: lint.Size, Default: "64M"},
		{Name: "name", Kind: lint.Text, Default: "x"},
	},
}

// TestOptions: a default holds until a value is set, and setting one leaves the rule itself alone.
func TestOptions(t *testing.T) {
	s := load(t, threeSites)
	values := func(r lint.Rule) (n int, d time.Duration, size int64, text string) {
		r.Check = func(p *lint.Pass) {
			n, d, size, text = p.Count("number"), p.Duration("time"), p.Size("size"), p.Text("name")
		}
		runOne(t, s, r)
		return
	}
	changed := optional
	for name, value := range map[string]string{"number": "0", "time": "1m30s", "size": "2G", "name": ""} {
		var err error
		if changed, err = changed.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if n, d, size, text := values(changed); n != 0 || d != 90*time.Second || size != 2<<30 || text != "" {
		t.Error(n, d, size, text)
	}
	if n, d, size, text := values(optional); n != 7 || d != 30*time.Second || size != 64<<20 || text != "x" {
		t.Error(n, d, size, text)
	}
}

func TestBadOptions(t *testing.T) {
	for _, c := range []struct{ name, value string }{
		{"number", "-1"}, {"number", "1.5"}, {"number", ""}, {"number", "99999999999"},
		{"time", "30"}, {"time", "-1s"}, {"time", "soon"},
		{"size", "-1M"}, {"size", "many"}, {"size", ""},
		{"nothing", "1"}, {"Number", "1"},
	} {
		if _, err := optional.Set(c.name, c.value); err == nil {
			t.Errorf("%s = %q is taken", c.name, c.value)
		}
	}
}
