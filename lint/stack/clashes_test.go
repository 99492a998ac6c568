package stack

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/testdata/live"
)

// TestClashesAgainstNginx gives random servers to nginx -t: it refuses and ignores what Clashes tells,
// in the same words.
func TestClashesAgainstNginx(t *testing.T) {
	live.Nginx(t)
	port := live.Ports(t, 1)[0]
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	told := regexp.MustCompile(`(?m)\[(?:emerg|warn)\] ((?:a )?duplicate .*?|conflicting server name .*, ignored)(?: in \S+:\d+)?$`)
	refused, ignored := 0, 0
	for seed := range uint64(300) {
		text := randomServers(rand.New(rand.NewPCG(seed, 1)), dir, port)
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, _ := live.NginxTest(t, dir, conf)
		var want, got []string
		for _, m := range told.FindAllStringSubmatch(out, -1) {
			want = append(want, m[1])
		}
		stacks, err := Load(t.Context(), Options{NginxConf: []string{conf}})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range stacks[0].Clashes {
			if c.Refused != "" {
				got = append(got, c.Refused)
			}
		}
		if len(got) > 0 {
			got = got[:1] // nginx stops there
			refused++
		} else {
			for _, c := range stacks[0].Clashes {
				got = append(got, c.String())
			}
			ignored += len(got)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-nginx +here)\n%s\n%s%s", diff, text, out)
		}
	}
	if refused < 50 || ignored < 100 {
		t.Errorf("only %d refused configurations and %d ignored names", refused, ignored)
	}
}

func randomServers(r *rand.Rand, dir, port string) string {
	addresses := []string{port, "*:" + port, "0.0.0.0:" + port, "127.0.0.1:" + port, "127.0.0.2:" + port, "unix:" + dir + "/a.sock", "unix:" + dir + "//a.sock", "[::1]:" + port, "[::01]:" + port}
	options := []string{"default_server", "default", "reuseport", "backlog=9", "bind", "deferred", "so_keepalive=on", "proxy_protocol", "http2", "rcvbuf=8k"}
	names := []string{"a.test", "A.test", "b.test", ".a.test", "*.a.test", "www.a.test", "_", `""`, "www.*", `~^a\.`, "c.test", "d.test"}
	var out strings.Builder
	fmt.Fprintf(&out, "events {}\nhttp {\n")
	for range 2 + r.IntN(4) {
		out.WriteString("server {\n")
		for _, i := range r.Perm(len(addresses))[:1+r.IntN(2)] {
			out.WriteString("listen " + addresses[i])
			if r.IntN(4) == 0 {
				option := options[r.IntN(len(options))]
				if strings.HasPrefix(addresses[i], "unix:") && option != "default_server" {
					option = "" // most are for TCP alone
				}
				out.WriteString(" " + option)
			}
			out.WriteString(";\n")
		}
		seen := map[string]bool{} // a server's own names twice are no matter of two servers
		for _, i := range r.Perm(len(names))[:r.IntN(4)] {
			if key := strings.TrimLeft(strings.ToLower(names[i]), ".*"); !seen[key] {
				seen[key] = true
				out.WriteString("server_name " + names[i] + ";\n")
			}
		}
		out.WriteString("}\n")
	}
	return out.String() + "}\n"
}
