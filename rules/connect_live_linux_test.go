package rules_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"fpmlint/lint"
	"fpmlint/lint/stack"
	"fpmlint/testdata/live"
)

// TestConnectLive asks a real nginx and PHP-FPM for pages behind passes of all kinds: exactly those
// that fail are errors of exactly one rule of this list.
func TestConnectLive(t *testing.T) {
	list := []string{
		"socket-mismatch", "upstream-unresolvable", "pass-form", "upstream-default-port", "listen-allowed-clients",
		"no-live-upstream", "proxy-unreachable", "proxy-pass-to-fpm", "variable-pass-no-resolver",
	}
	ports := live.Ports(t, 7)
	expand := func(text string) string {
		for i, port := range ports {
			text = strings.ReplaceAll(text, fmt.Sprintf("@P%d@", i), port)
		}
		return text
	}
	pages := []struct {
		pass, rule string // "" where the page is to answer
		set        string
		status     int
	}{
		{pass: "fastcgi_pass unix:@DIR@/ok.sock", status: 200},
		{pass: "fastcgi_pass unix:@DIR@/none.sock", rule: "socket-mismatch", status: 502},
		{pass: "fastcgi_pass $p", set: "unix:@DIR@/ok.sock", status: 200},
		{pass: "fastcgi_pass $p", set: "@DIR@/ok.sock", rule: "pass-form", status: 500},
		{pass: "fastcgi_pass $p", set: "127.0.0.1", rule: "pass-form", status: 500},
		{pass: "fastcgi_pass $p", set: "nobody", rule: "upstream-unresolvable", status: 500},
		{pass: "fastcgi_pass $p", set: "UP", status: 200},
		{pass: "fastcgi_pass $p", set: "localhost:@P1@", rule: "variable-pass-no-resolver", status: 502},
		{pass: "fastcgi_pass localhost:@P4@", status: 200},
		{pass: "fastcgi_pass $p", set: "localhost:@P4@", status: 200},
		{pass: "fastcgi_pass up", status: 200},
		{pass: "fastcgi_pass down", rule: "no-live-upstream", status: 502},
		{pass: "fastcgi_pass reserve", status: 200},
		{pass: "fastcgi_pass port", rule: "upstream-default-port", status: 502},
		{pass: "fastcgi_pass 127.0.0.1:@P1@", status: 200},
		{pass: "fastcgi_pass 127.0.0.1:@P2@", rule: "listen-allowed-clients", status: 502},
		{pass: "fastcgi_pass 127.0.0.2:@P3@", rule: "listen-allowed-clients", status: 502},
		{pass: "fastcgi_pass 127.0.0.1:@P4@", status: 200},
		{pass: "fastcgi_pass 127.0.0.1:@P5@", rule: "listen-allowed-clients", status: 502},
		{pass: "fastcgi_pass unix:@DIR@/http.sock", rule: "proxy-pass-to-fpm", status: 502},
		{pass: "proxy_pass http://127.0.0.1:@P1@", rule: "proxy-pass-to-fpm", status: 502},
		{pass: "proxy_pass http://unix:@DIR@/ok.sock:/", rule: "proxy-pass-to-fpm", status: 502},
		{pass: "proxy_pass http://unix:@DIR@/http.sock:/fine", status: 204},
		{pass: "proxy_pass http://127.0.0.1:@P6@", rule: "proxy-unreachable", status: 502},
		{pass: "proxy_pass http://unix:@DIR@/none.sock", rule: "proxy-unreachable", status: 502},
	}
	var locations strings.Builder
	for i, page := range pages {
		fmt.Fprintf(&locations, "        location /%d/ {\n", i)
		if page.set != "" {
			fmt.Fprintf(&locations, "            set $p %s;\n", page.set)
		}
		fmt.Fprintf(&locations, "            %s;\n        }\n", page.pass)
	}
	tcp := func(name, listen, clients string) string {
		return fmt.Sprintf("[%s]\nuser = www-data\nlisten = %s\nlisten.allowed_clients = %s\npm = static\npm.max_children = 1\n", name, listen, clients)
	}
	// By the TCP listener proxy-unreachable sees that nginx runs.
	conf := live.Site(`    upstream up { server unix:@DIR@/ok.sock; }
    upstream down { server unix:@DIR@/ok.sock down; server unix:@DIR@/none.sock down; }
    upstream reserve { server unix:@DIR@/none.sock down; server unix:@DIR@/ok.sock backup; }
    upstream port { server 127.0.0.9; }
    server {
        listen unix:@DIR@/http.sock;
        listen 127.0.0.1:@P0@;
        location = /fine { return 204; }
        fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param SCRIPT_FILENAME @DIR@/www/ok.php;
`+locations.String()+"    }\n") +
		live.Master("php", "", live.Pool("ok", "ok.sock", "")+
			tcp("listed", "127.0.0.1:@P1@", "10.0.0.1,127.0.0.1")+
			tcp("spaces", "127.0.0.1:@P2@", "10.0.0.1, 127.0.0.1")+
			tcp("source", "127.0.0.2:@P3@", "127.0.0.2")+
			tcp("mapped", "@P4@", "::ffff:127.0.0.1,::1")+
			tcp("range", "127.0.0.1:@P5@", "127.0.0.0/8")) +
		"-- www/ok.php --\n<?php echo 'ok';\n"
	s := live.Start(t, expand(conf))

	stacks, err := stack.Load(context.Background(), stack.Options{NginxConf: []string{s.Path("nginx.conf")}, FPMConf: s.FPMConfs()})
	if err != nil {
		t.Fatal(err)
	}
	var selected []lint.Rule
	for _, id := range list {
		selected = append(selected, rule(t, id))
	}
	r, err := lint.Run(context.Background(), stacks, selected)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, f := range r.Findings {
		for _, h := range f.Handoffs {
			if at := h.Scope.Statement.Arg(0); f.Severity == lint.Error {
				found[at] = append(found[at], f.Rule)
			}
		}
	}
	for i, page := range pages {
		at := fmt.Sprintf("/%d/", i)
		if status, body := s.Get("any.test", at); status != page.status {
			t.Errorf("%s %s: status %d %q, want %d", page.pass, page.set, status, body, page.status)
		}
		if got := strings.Join(found[at], " "); got != page.rule {
			t.Errorf("%s %s: found %q, want %q", page.pass, page.set, got, page.rule)
		}
	}
	if len(r.Skipped) > 0 {
		t.Errorf("skipped: %v", r.Skipped)
	}
}
