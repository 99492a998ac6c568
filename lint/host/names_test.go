package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint/host"
	"fpmlint/lint/source"
)

func TestAddresses(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "127.0.0.1 localhost # ::9 localhost\n::1\tLOCALHOST ip6-localhost\n\nx y\n10.0.0.5 db\n"
	if err := os.WriteFile(filepath.Join(dir, "etc/hosts"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := source.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	facts := host.Read(root, host.Options{})
	got := map[string]int{}
	for _, name := range []string{"localhost", "DB", "ip6-localhost", "y", "other"} {
		got[name] = len(facts.Addresses(name))
	}
	if diff := cmp.Diff(map[string]int{"localhost": 2, "DB": 1, "ip6-localhost": 1, "y": 0, "other": 0}, got); diff != "" || !facts.HasNames {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}
