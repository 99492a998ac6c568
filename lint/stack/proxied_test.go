package stack_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint/stack"
)

func load(t *testing.T, conf string) *stack.Stack {
	t.Helper()
	name := filepath.Join(t.TempDir(), "nginx.conf")
	if err := os.WriteFile(name, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	stacks, err := stack.Load(context.Background(), stack.Options{Paths: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	return stacks[0]
}

func TestProxied(t *testing.T) {
	for pass, want := range map[string]string{
		"http://127.0.0.1:8080":      "127.0.0.1:8080",
		"HTTP://127.0.0.1:8080/a":    "127.0.0.1:8080",
		"http://127.0.0.1?a":         "127.0.0.1:80 by default",
		"https://[::1]/":             "[::1]:443 by default",
		"http://unix:/run/a.sock:/b": "unix:/run/a.sock",
		"http://APPS/":               "127.0.0.1:3000, app:80 by default",
		"http://127.0.0.1:80$uri":    "127.0.0.1:80",
		"http://${host_a}:81$uri_x":  "?",
		"http://$host_a":             "10.0.0.1:80 by default",
		"http://$host_a:81/$uri":     "10.0.0.1:81",
		"$whole":                     "unix:/run/b.sock",
		"http://$host":               "?",
		"127.0.0.1:80":               "invalid URL prefix",
		"http://":                    "no host",
		"http://a:0":                 "invalid port",
	} {
		s := load(t, `events {} http { upstream apps { server 127.0.0.1:3000; server app; }
			server { set $host_a 10.0.0.1; set $whole http://unix:/run/b.sock; location / { proxy_pass `+pass+`; } } }
			stream { server { listen 1; proxy_pass 127.0.0.1:9; } }`)
		if len(s.Proxied) != 1 {
			t.Fatalf("%s: %d passes", pass, len(s.Proxied))
		}
		var got []string
		for _, b := range s.Proxied[0].Backends {
			text := b.Address.String()
			if b.Err != nil {
				text = b.Err.Error()
			} else if b.DefaultPort {
				text += " by default"
			}
			got = append(got, text)
		}
		if s.Proxied[0].Unknown != "" {
			got = append(got, "?")
		}
		if diff := cmp.Diff(want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pass, diff)
		}
	}
}

func TestListens(t *testing.T) {
	s := load(t, `events {} http {
		server { listen 8080 ssl; listen [::]:8080; listen 127.0.0.1; listen unix:/run/n.sock; listen localhost:81; listen 9000-9010; }
		server { listen [::]:82 ipv6only=off; listen 8080; listen *:83; }
		server { server_name a; }
		upstream u { server 127.0.0.1:1; }
	} stream { server { listen 84; } }`)
	var got []string
	for _, l := range s.Listens {
		got = append(got, fmt.Sprintf("%s %v", l.Address, l.HTTP))
	}
	want := []string{
		"0.0.0.0:8080 true", "[::]:8080 true", "127.0.0.1:80 true", "unix:/run/n.sock true", "localhost:81 true",
		"*:82 true", "0.0.0.0:83 true", "0.0.0.0:80 true", "0.0.0.0:84 false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listens (-want +got):\n%s", diff)
	}
}
