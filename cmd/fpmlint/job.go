package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"fpmlint/lint"
	"fpmlint/lint/config"
	"fpmlint/lint/host"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

// loadFlags say what is loaded; all commands that look at stacks take them.
func loadFlags() []cli.Flag {
	const loading = "what is loaded"
	return []cli.Flag{
		&cli.StringFlag{Name: "root", Category: loading, Usage: "look absolute paths up below `DIR`"},
		&cli.StringFlag{Name: "nginx-root", Category: loading, Usage: "`DIR` is the root of an nginx image that is apart from PHP"},
		&cli.StringFlag{Name: "fpm-root", Category: loading, Usage: "`DIR` is the root of a PHP image that is apart from nginx"},
		&cli.StringSliceFlag{Name: "nginx-conf", Category: loading, Usage: "nginx's main `FILE`, where it is not found by itself (repeatable)"},
		&cli.StringSliceFlag{Name: "fpm-conf", Category: loading, Usage: "PHP-FPM's main `FILE`, likewise (repeatable)"},
		&cli.StringFlag{Name: "ram", Category: loading, Usage: "the host's memory, such as 2G"},
		&cli.StringFlag{Name: "reserve", Category: loading, Usage: "memory that the rest of the host needs"},
		&cli.StringFlag{Name: "worker-rss", Category: loading, Usage: "memory of one PHP worker, such as 64M"},
	}
}

// selectFlags say which findings count; lint and fix take them.
func selectFlags() []cli.Flag {
	const selecting = "which findings count"
	return []cli.Flag{
		&cli.StringFlag{Name: "select", Category: selecting, Usage: "only these `RULE,...`"},
		&cli.StringFlag{Name: "ignore", Category: selecting, Usage: "not these `RULE,...`"},
		&cli.StringFlag{Name: "config", Category: selecting, Usage: "the policy `FILE` (default: .fpmlint.yaml, looked for upwards from the working directory)"},
		&cli.StringFlag{Name: "baseline", Category: selecting, Usage: "leave the findings of `FILE` out, which --write-baseline of lint wrote"},
	}
}

// job is what loadFlags, selectFlags and the policy file ask for.
type job struct {
	// rules are those that run, in catalogue order.
	rules []lint.Rule
	// stacks are what is loaded.
	stacks []stack.Options
	policy *config.Policy
	// baseline is nil where none is given.
	baseline *lint.Baseline
}

// newJob reads the flags and arguments of a command that lints, and the policy file.
func newJob(c *cli.Context) (*job, error) {
	chosen, err := chooseRules(c.String("select"), c.String("ignore"))
	if err != nil {
		return nil, err
	}
	load, err := loadOptions(c)
	if err != nil {
		return nil, err
	}
	policy, err := readPolicy(c.String("config"))
	if err != nil {
		return nil, err
	}
	var selected []string
	if c.String("select") != "" {
		for _, r := range chosen {
			selected = append(selected, r.ID)
		}
	}
	j := &job{rules: policy.Rules(chosen, selected), stacks: loads(load, policy), policy: policy}
	if name := cmp.Or(c.String("baseline"), policy.Baseline); name != "" && c.String("write-baseline") == "" {
		if j.baseline, err = lint.ReadBaseline(name); err != nil {
			by := "--baseline"
			if c.String("baseline") == "" {
				by = policy.File + ": baseline"
			}
			return nil, fmt.Errorf("%s: %w", by, err)
		}
	}
	return j, nil
}

// readPolicy reads the policy file that was named, else the one that is found.
func readPolicy(name string) (*config.Policy, error) {
	if name != "" {
		return config.Read(name, rules.All())
	}
	name, err := config.Find(".")
	if name == "" || err != nil {
		return &config.Policy{}, err
	}
	return config.ReadFound(name, rules.All())
}

// loads are what the command line names, else the policy's stacks: so does the policy's own
// directory, as CI names it whatever a repository holds. Facts of the command line go before those
// of the policy.
func loads(given stack.Options, policy *config.Policy) []stack.Options {
	facts := config.Facts{RAM: given.RAM, Reserve: given.Reserve, WorkerRSS: given.WorkerRSS}
	names := len(given.Paths) + len(given.NginxConf) + len(given.FPMConf)
	if len(given.Paths) == 1 && names == 1 && policy.At(given.Paths[0]) {
		names = 0
	}
	if names > 0 || given.Root != "" || given.NginxRoot != "" || given.FPMRoot != "" || len(policy.Stacks) == 0 {
		policy.Facts.Apply(&given)
		return []stack.Options{given}
	}
	var out []stack.Options
	for _, s := range policy.Stacks {
		s.Facts = facts.Over(s.Facts)
		o := policy.Options(s)
		o.Stdin = given.Stdin
		out = append(out, o)
	}
	return out
}

// run loads and lints, with the contents that an overlay gives to files on disk.
func (j *job) run(ctx context.Context, overlay source.Overlay) (*lint.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stacks []*stack.Stack
	for _, o := range j.stacks {
		o.Overlay = overlay
		loaded, err := stack.Load(ctx, o)
		if err != nil {
			return nil, err
		}
		stacks = append(stacks, loaded...)
	}
	r, err := lint.Run(ctx, stacks, j.rules)
	if err != nil {
		return nil, err
	}
	ignored := map[*source.File]bool{}
	r.Suppress(func(f *lint.Finding) bool {
		if f.Span.IsZero() {
			return false
		}
		yes, known := ignored[f.Span.File]
		if !known {
			yes = j.policy.Ignored(f.Span.File)
			ignored[f.Span.File] = yes
		}
		return yes
	})
	if j.baseline != nil {
		r.Know(j.baseline, j.rules)
	}
	return r, nil
}

func loadOptions(c *cli.Context) (o stack.Options, err error) {
	o = stack.Options{
		Paths: c.Args().Slice(), Root: c.String("root"), NginxRoot: c.String("nginx-root"), FPMRoot: c.String("fpm-root"),
		NginxConf: c.StringSlice("nginx-conf"), FPMConf: c.StringSlice("fpm-conf"), Stdin: c.App.Reader,
	}
	for _, size := range []struct {
		flag string
		to   *int64
	}{{"ram", &o.RAM}, {"reserve", &o.Reserve}, {"worker-rss", &o.WorkerRSS}} {
		if !c.IsSet(size.flag) {
			continue
		}
		if *size.to, err = host.ParseBytes(c.String(size.flag)); err != nil {
			return o, fmt.Errorf("--%s: %w", size.flag, err)
		}
	}
	return o, nil
}

func ruleIDs() []string {
	var ids []string
	for _, r := range rules.All() {
		ids = append(ids, r.ID)
	}
	return ids
}

func chooseRules(selected, ignored string) ([]lint.Rule, error) {
	ids := ruleIDs()
	list := func(flag, text string) ([]string, error) {
		if text == "" {
			return nil, nil
		}
		names := strings.Split(text, ",")
		for i, n := range names {
			names[i] = strings.TrimSpace(n)
			if !slices.Contains(ids, names[i]) {
				return nil, fmt.Errorf("--%s: unknown rule %q%s", flag, n, didYouMean(n, ids))
			}
		}
		return names, nil
	}
	only, err := list("select", selected)
	if err != nil {
		return nil, err
	}
	not, err := list("ignore", ignored)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rules.All(), func(r lint.Rule) bool {
		return only != nil && !slices.Contains(only, r.ID) || slices.Contains(not, r.ID)
	}), nil
}
