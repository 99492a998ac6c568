package main

import (
	"fmt"
	"strings"
	"sync"
	"text/template"

	"github.com/urfave/cli/v2"

	"fpmlint/rules"
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "print a completion script",
		ArgsUsage:   "bash|zsh|fish|powershell",
		Description: "In bash: source <(fpmlint completion bash).",
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			if shell == "fish" {
				text, err := c.App.ToFishCompletion()
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(c.App.Writer, text)
				return err
			}
			script := completions().Lookup(shell)
			if shell == "" || script == nil {
				return fmt.Errorf("completion: %q is not bash, zsh, fish or powershell", shell)
			}
			return script.Execute(c.App.Writer, wordsOf(c.App))
		},
	}
}

func manCommand() *cli.Command {
	return &cli.Command{
		Name:   "man",
		Usage:  "print the man page",
		Before: noArgument,
		Action: func(c *cli.Context) error {
			text, err := c.App.ToManWithSection(1)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.App.Writer, text)
			return err
		},
	}
}

// completed is a command with the words that may follow it.
type completed struct {
	Name  string
	Words []string // flags, or what the command takes in place of a path
	Paths bool
}

func wordsOf(app *cli.App) []completed {
	var out []completed
	for _, c := range app.Commands {
		if c.Hidden {
			continue
		}
		w := completed{Name: c.Name, Paths: strings.Contains(c.ArgsUsage, "PATH") || strings.Contains(c.ArgsUsage, "LOG")}
		switch c.Name {
		case "explain":
			for _, r := range rules.All() {
				w.Words = append(w.Words, r.ID)
			}
		case "completion":
			w.Words = strings.Split(c.ArgsUsage, "|")
		}
		for _, f := range c.Flags {
			for _, name := range f.Names() {
				if len(name) > 1 {
					w.Words = append(w.Words, "--"+name)
				}
			}
		}
		out = append(out, w)
	}
	return out
}

// completions are scripts that know all words when they are made: none runs fpmlint.
var completions = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"join": strings.Join,
		"names": func(list []completed) string {
			var names []string
			for _, c := range list {
				names = append(names, c.Name)
			}
			return strings.Join(names, " ")
		},
	}).Parse(`
{{- define "bash" -}}
# bash completion of fpmlint
_fpmlint() {
	local current=${COMP_WORDS[COMP_CWORD]} words=''
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		words='{{names .}}'
	else
		case ${COMP_WORDS[1]} in
{{- range .}}
		{{.Name}}) words='{{join .Words " "}}' ;;
{{- end}}
		esac
	fi
	local word
	while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$current")
}
complete -o default -F _fpmlint fpmlint
{{end}}
{{- define "zsh" -}}
#compdef fpmlint
_fpmlint() {
	if (( CURRENT == 2 )); then
		compadd -- {{names .}}
		return
	fi
	case $words[2] in
{{- range .}}
	{{.Name}})
		compadd -- {{join .Words " "}}
		{{- if .Paths}}
		[[ $words[CURRENT] == -* ]] || _files
		{{- end}}
		;;
{{- end}}
	esac
}
if [ "$funcstack[1]" = _fpmlint ]; then
	_fpmlint
else
	compdef _fpmlint fpmlint
fi
{{end}}
{{- define "powershell" -}}
# PowerShell completion of fpmlint
Register-ArgumentCompleter -Native -CommandName fpmlint -ScriptBlock {
	param($word, $line, $position)
	$words = @{
{{- range .}}
		'{{.Name}}' = '{{join .Words " "}}'
{{- end}}
	}
	$typed = @($line.CommandElements | ForEach-Object { $_.ToString() })
	$choice = if ($typed.Count -gt 2 -or ($typed.Count -eq 2 -and $word -eq '')) { $words[$typed[1]] } else { '{{names .}}' }
	"$choice".Split(' ') | Where-Object { $_ -like "$word*" } | ForEach-Object {
		[System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
	}
}
{{end}}`))
})
