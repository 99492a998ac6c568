package rules_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// TestBuffersAgainstNginx holds busy-buffers to nginx -t: it speaks where nginx refuses the sizes, and
// only there.
func TestBuffersAgainstNginx(t *testing.T) {
	t.Parallel()
	live.Nginx(t)
	for _, sizes := range [][3]string{ // at the levels of http, server and location
		{},
		{"buffer_size 32k"},
		{"buffer_size 32k; buffers 16 16k"},
		{"buffer_size 32k; buffers 5 16k"},
		{"buffer_size 32k; buffers 4 16k"},
		{"buffer_size 32k", "buffers 16 16k"},
		{"buffer_size 32k", "", "buffers 16 16k"},
		{"buffer_size 32k", "buffer_size 4k"},
		{"buffers 16 16k", "buffer_size 32k"},
		{"buffers 16 16k", "", "buffer_size 32k"},
		{"buffers 16 16k", "buffer_size 32k", "buffers 8 4k"},
		{"buffers 1 16k"},
		{"", "buffers 2 16k"},
		{"", "buffers 3 16k"},
		{"buffers 2 16k", "buffers 3 16k"},
		{"", "", "buffers 8 16k; busy_buffers_size 8k"},
		{"", "", "buffers 8 16k; busy_buffers_size 16k"},
		{"", "", "buffers 8 16k; busy_buffers_size 112k"},
		{"", "", "buffers 8 16k; busy_buffers_size 113k"},
		{"busy_buffers_size 112k", "buffers 8 16k", "buffers 4 16k"},
		{"busy_buffers_size 64k", "buffers 8 16k", "buffers 8 16k"},
		{"buffers 8 16k; temp_file_write_size 8k"},
		{"buffers 8 16k; temp_file_write_size 16k"},
		{"temp_file_write_size 8k", "buffers 8 16k"},
		{"buffers 8 16k; max_temp_file_size 8k"},
		{"buffers 8 16k; max_temp_file_size 0"},
		{"max_temp_file_size 8k", "", "buffers 8 16k"},
		{"max_temp_file_size 8k", "max_temp_file_size 0", "buffers 8 16k"},
	} {
		for _, module := range []string{"fastcgi", "proxy", "uwsgi", "scgi"} {
			var level [3]string
			for i, text := range sizes {
				for set := range strings.SplitSeq(text, "; ") {
					if set != "" {
						level[i] += module + "_" + set + "; "
					}
				}
			}
			conf := fmt.Sprintf("error_log /dev/null;\nevents {}\nhttp { access_log off; %s\nserver { listen unix:/run/none; %s\nlocation / { %s\n}\n}\n}\n", level[0], level[1], level[2])
			dir := t.TempDir()
			name := filepath.Join(dir, "etc/nginx/nginx.conf")
			write(t, name, []byte(conf))
			out, refused := live.NginxTest(t, dir, name)
			found := check(t, &txtar.Archive{}, dir, []lint.Rule{rule(t, "busy-buffers")}).Findings
			if refused != (len(found) > 0) {
				t.Errorf("%s %q: nginx refuses it: %v, findings: %d\n%s", module, sizes, refused, len(found), out)
			}
			if len(found) > 0 && apply(t, &txtar.Archive{}, dir, []lint.Rule{rule(t, "busy-buffers")}) > 0 {
				if out, refused := live.NginxTest(t, dir, name); refused {
					t.Errorf("%s %q: after the fix nginx says\n%s", module, sizes, out)
				}
			}
		}
	}
}
