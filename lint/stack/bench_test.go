package stack_test

import (
	"context"
	"fmt"
	"testing"

	"fpmlint/lint"
	"fpmlint/lint/stack"
	"fpmlint/rules"
	"fpmlint/testdata/bench/tree"
)

// BenchmarkLint loads and lints a root of many sites, each with its hand-off, and many pools.
// "go run ./testdata/bench" compares the whole process with nginx -t.
func BenchmarkLint(b *testing.B) {
	for _, sites := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("%d sites", sites), func(b *testing.B) {
			dir := b.TempDir()
			if err := tree.Write(dir, sites, sites/20); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				stacks, err := stack.Load(context.Background(), stack.Options{
					NginxConf: []string{dir + "/etc/nginx/nginx.conf"}, FPMConf: []string{dir + "/etc/php/8.2/fpm/php-fpm.conf"},
				})
				if err != nil {
					b.Fatal(err)
				}
				if n := len(stacks[0].Handoffs); n != sites {
					b.Fatalf("%d hand-offs", n)
				}
				if _, err := lint.Run(context.Background(), stacks, rules.All()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
