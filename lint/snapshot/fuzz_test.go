package snapshot_test

import (
	"bytes"
	"testing"

	"fpmlint/lint/snapshot"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// FuzzMask writes snapshots of files with any content: each line stays a line.
func FuzzMask(f *testing.F) {
	for _, lines := range smuggled {
		for _, line := range lines {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root := source.Memory("web1", map[string]string{"etc/nginx/nginx.conf": string(data), "etc/php/8.2/fpm/php-fpm.conf": string(data)})
		rec := root.Record()
		s, err := stack.LoadRoot(root, "web1", stack.Options{})
		if err != nil {
			t.Skip()
		}
		var b bytes.Buffer
		if err := snapshot.Write(&b, s, rec, &snapshot.Manifest{}); err != nil {
			t.Fatal(err)
		}
		for name, content := range unpack(t, b.Bytes()) {
			if (name == "etc/nginx/nginx.conf" || name == "etc/php/8.2/fpm/php-fpm.conf") && content != "" && bytes.Count(data, []byte("\n")) != bytes.Count([]byte(content), []byte("\n")) {
				t.Errorf("%s: %q became %q", name, data, content)
			}
		}
	})
}
