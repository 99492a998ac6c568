//go:build unix

package fix

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// FuzzManifest reads damaged manifests: an error, or a run that is written as it was read.
func FuzzManifest(f *testing.F) {
	for _, s := range []string{
		"", "{", "null", "[]", `{"version":1,"id":"r"}`, `{"version":2,"id":"r"}`, `{"version":1,"id":"other"}`,
		`{"version":1,"id":"r","state":"prepared","files":[{"path":"/a","temp":"/b","oldSum":"x","newSum":"y","old":{"Mode":420}}],"sockets":[{"path":"/s","oldUID":1}],"daemons":[{}]}`,
		`{"version":1,"id":"r","daemons":[null]}`, `{"version":1,"id":"r","files":[{"old":{"Attributes":{"user.a":"AA=="}}}]}`,
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "runs", "r"), 0o700); err != nil {
		f.Fatal(err)
	}
	j := &Journal{dir: dir, do: plainly}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(j.runDir("r"), "manifest.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := j.load("r")
		if err != nil {
			return
		}
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.save(r); err != nil {
			t.Fatal(err)
		}
		again, err := j.load("r")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(again); err != nil || string(got) != string(want) {
			t.Errorf("%s, read again %s, %v", want, got, err)
		}
		r.summary()
	})
}
