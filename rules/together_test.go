package rules_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"fpmlint/rules"
)

// TestFixesTogether makes all fixes of all rules on each stack: they come to an end, leave nothing
// that they would mend again, and neither nginx -t nor php-fpm -t refuses what it accepted before.
func TestFixesTogether(t *testing.T) {
	archives, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(name, "testdata/"), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := extract(t, a)
			before := verdicts(t, dir)
			apply(t, a, dir, rules.All())
			for _, f := range check(t, a, dir, rules.All()).Findings {
				if f.Fix != nil {
					t.Errorf("after the fixes still: %s: %s", f.Rule, f.Message)
				}
			}
			for command, said := range verdicts(t, dir) {
				if before[command] == "" && said != "" {
					t.Errorf("%s now says: %s", command, said)
				}
			}
		})
	}
}

// verdicts are what the real programs say of a stack whose files are mounted over this machine's,
// "" where they accept it. None where they cannot run so.
func verdicts(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	judge := func(etc, command string) {
		if _, err := os.Stat(filepath.Join(dir, etc)); err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		script := "mount --bind \"$1\" \"$2\" 2>/dev/null || exit 99; " + command
		cmd := exec.CommandContext(ctx, "unshare", "-m", "sh", "-c", script, "sh", filepath.Join(dir, etc), "/"+etc)
		said, err := cmd.CombinedOutput()
		switch {
		case cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 99:
			return
		case err != nil:
			out[command] = string(said) + err.Error()
		default:
			out[command] = ""
		}
	}
	if program, err := exec.LookPath("nginx"); err == nil {
		judge("etc/nginx", program+" -t -q")
	}
	programs, _ := filepath.Glob("/usr/sbin/php-fpm[0-9]*") // the pattern is well formed
	masters, _ := filepath.Glob(filepath.Join(dir, "etc/php/*/fpm/php-fpm.conf"))
	for _, conf := range masters {
		if len(programs) > 0 {
			judge("etc/php", programs[len(programs)-1]+" -t -y "+strings.TrimPrefix(conf, dir))
		}
	}
	return out
}
