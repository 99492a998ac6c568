package config

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"fpmlint/lint/stack"
)

// Template is a commented policy file for what was found in its directory, which may be nothing.
func Template(dir string, found []*stack.Stack) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# The policy of fpmlint. Paths are relative to this file; flags of the command line go before it.")
	line("# fpmlint rules lists the rules, fpmlint explain RULE prints a rule's page,")
	line("# fpmlint init --schema prints the JSON Schema of this file for editors.")
	line("")
	line("# The severity from which findings make fpmlint lint exit with 1: error, warning, info or never.")
	line("fail-on: error")
	line("")
	line("# What fpmlint lint looks at when it is given no path. Without stacks that is this machine.")
	if len(found) == 0 {
		line("# No nginx or PHP-FPM configuration was found here.")
		line("# stacks:")
		line("#   - name: example")
		line("#     paths: deploy")
	} else {
		line("stacks:")
	}
	for i, s := range found {
		name := filepath.Base(dir)
		if i > 0 {
			name += "-" + strconv.Itoa(i+1)
		}
		line("  - name: %s", strconv.Quote(name))
		line("    paths: .")
		for _, c := range s.Nginx {
			line("    # nginx: %s", comment(c.Conf.Display))
		}
		for _, m := range s.Masters {
			line("    # PHP-FPM: %s", comment(m.Conf.Display))
		}
		if len(s.Nginx) == 0 || len(s.Masters) == 0 {
			line("    # Only one side was found: nginx-conf and fpm-conf name main files that are not recognised.")
		}
	}
	return b.String() + otherKeys
}

// otherKeys are what else a policy may say.
const otherKeys = `#     # Instead of paths: root for a directory that is laid out like a root, or nginx-root and
#     # fpm-root for two images. FPM sides in containers are named by the hosts of fastcgi_pass:
#     hosts:
#       php: docker/php
#     # Facts about the host; they may also stand at the top of this file, for all stacks.
#     ram: 2G
#     reserve: 512M
#     worker-rss: 64M

# Rules that are off, of another severity, or set otherwise.
# rules:
#   emergency-restart: off
#   timeout-order: info
#   low-read-timeout:
#     severity: warning
#     options:
#       min: 10s

# Findings that are known, so that new ones only fail: fpmlint lint --write-baseline FILE writes them.
# baseline: fpmlint-baseline.json

# Files in which findings do not count.
# ignore:
#   - tests/**
`

// comment keeps a file's name on its line.
func comment(name string) string {
	quoted := strconv.Quote(name)
	if quoted == `"`+name+`"` {
		return name
	}
	return quoted
}
