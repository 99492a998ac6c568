package rules

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

//go:embed busy-buffers.md
var busyBuffersDoc string

// BusyBuffers reports buffer sizes that nginx refuses, at the line to change: nginx itself names
// the closing brace of the http block.
var BusyBuffers = lint.Rule{
	ID:       "busy-buffers",
	Severity: lint.Error,
	Family:   "buffers",
	Summary:  "nginx refuses the arithmetic of the buffer sizes",
	Doc:      busyBuffersDoc,
	Check:    checkBusyBuffers,
}

// buffers are the sizes of one level, in bytes (ngx_http_fastcgi_merge_loc_conf and its likes).
type buffers struct {
	size         int64 // *_buffer_size
	number, each int64 // *_buffers
	busy         int64 // *_busy_buffers_size, 0: twice the larger of size and each
	tempWrite    int64 // *_temp_file_write_size, 0: the same
	maxTemp      int64 // *_max_temp_file_size, -1: the default, 1024m
}

// bufferModules have the sizes, bufferSizes are their names after the module's.
var (
	bufferModules = []string{"fastcgi", "proxy", "uwsgi", "scgi"}
	bufferSizes   = [5]string{"_buffer_size", "_buffers", "_busy_buffers_size", "_temp_file_write_size", "_max_temp_file_size"}
	// sizesOf are the names of a module's, bufferNames those of all.
	sizesOf, bufferNames = func() (sizes map[string][5]string, all []string) {
		sizes = map[string][5]string{}
		for _, module := range bufferModules {
			var names [5]string
			for i, size := range bufferSizes {
				names[i] = module + size
			}
			sizes[module], all = names, append(all, names[:]...)
		}
		return sizes, all
	}()
)

func checkBusyBuffers(p *lint.Pass) {
	for _, c := range p.Stack.Nginx {
		for scope := range c.Having(bufferNames...) {
			switch scope.Kind {
			case "http", "server", "location", "if", "limit_except":
				for _, module := range modulesOf(scope) {
					if scope.Kind != "http" || inherited(scope, module) {
						checkLevel(p, scope, module)
					}
				}
			}
		}
	}
}

// modulesOf are the modules of which a level sets at least one of the sizes.
func modulesOf(scope *nginx.Scope) []string {
	var out []string
	for _, module := range bufferModules {
		for _, name := range sizesOf[module] {
			if scope.Find(name) != nil {
				out = append(out, module)
				break
			}
		}
	}
	return out
}

// inherited says whether a server takes the sizes of the http level as they are: nginx judges them
// server by server, never on the http level itself.
func inherited(http *nginx.Scope, module string) bool {
	return slices.ContainsFunc(http.Children, func(s *nginx.Scope) bool {
		return s.Kind == "server" && !slices.Contains(modulesOf(s), module)
	})
}

// checkLevel judges a level that sets at least one of the sizes: all others repeat an outer one.
func checkLevel(p *lint.Pass, scope *nginx.Scope, module string) {
	names := sizesOf[module]
	var here *nginx.Statement
	for _, name := range names {
		if d := scope.Find(name); d != nil {
			here = d
			break
		}
	}
	if here == nil {
		return
	}
	var values [5]nginx.Value
	for i, name := range names {
		values[i] = scope.Effective(name)
	}
	// The default sizes are a page: 4k on most machines, 8k and more on some.
	pages := []int64{4 << 10, 8 << 10}
	if known := p.Stack.NginxHost.PageSize; known.Known {
		pages = []int64{int64(known.Value)}
	}
	var message string
	severity := lint.Error
	for i, page := range pages {
		b, ok := effectiveBuffers(values, page)
		if !ok {
			return // a value that nginx-syntax reports
		}
		rule, text := b.refused(module)
		if rule == 0 && i == 0 {
			return
		}
		if rule == 0 {
			severity = lint.Warning
			message += ", where a page of memory has 4k, as on nearly all machines"
			continue
		}
		if message == "" {
			message = text
			here = culprit(scope, names, rule, here)
		}
	}
	f := lint.Finding{
		Message:  message,
		Severity: severity,
		Help:     "nginx does not start or reload with this; it names the closing brace of the http block",
		Span:     here.Span(),
	}
	for i, v := range values {
		if !v.IsDefault && v.Statement != here && i < 4 {
			f.Related = append(f.Related, source.Related{Span: v.Span, Message: names[i] + " " + v.Text + " is in effect"})
		}
	}
	f.Fix = busyBuffersFix(scope, module, values)
	p.Report(f)
}

// culprit is the directive of this level that the refused rule speaks of.
func culprit(scope *nginx.Scope, names [5]string, rule int, fallback *nginx.Statement) *nginx.Statement {
	order := map[int][]int{
		tooFew: {1}, busyBelow: {2, 0, 1}, busyAbove: {2, 0, 1}, writeBelow: {3, 0, 1}, tempBelow: {4, 0, 1},
	}[rule]
	for _, i := range order {
		if d := scope.Find(names[i]); d != nil {
			return d
		}
	}
	return fallback
}

func effectiveBuffers(values [5]nginx.Value, page int64) (b buffers, ok bool) {
	b = buffers{size: page, number: 8, each: page, maxTemp: -1}
	for i, field := range []*int64{&b.size, nil, &b.busy, &b.tempWrite, &b.maxTemp} {
		v := values[i]
		if v.IsDefault {
			continue
		}
		if i == 1 {
			if len(v.Args()) != 2 {
				return b, false
			}
			pair, ok := readBuffers(v.Args()[0], v.Args()[1])
			if !ok {
				return b, false
			}
			b.number, b.each = pair.number, pair.each
			continue
		}
		n, err := v.Size()
		if err != nil {
			return b, false
		}
		*field = n
	}
	return b, true
}

func readBuffers(number, each string) (b buffers, ok bool) {
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 1 {
		return b, false
	}
	s, err := nginx.ParseSize(each)
	return buffers{number: n, each: s}, err == nil && s > 0
}

// The rules of the arithmetic, in the order in which nginx checks them.
const (
	tooFew = iota + 1
	busyBelow
	busyAbove
	writeBelow
	tempBelow
)

// refused says which rule nginx refuses the sizes by, with its words and the numbers; 0 if none.
func (b buffers) refused(module string) (rule int, message string) {
	larger := max(b.size, b.each)
	busy, write := b.busy, b.tempWrite
	if busy == 0 {
		busy = 2 * larger
	}
	if write == 0 {
		write = 2 * larger
	}
	all := (b.number - 1) * b.each
	switch {
	case b.number < 2:
		return tooFew, fmt.Sprintf(`there must be at least 2 "%s_buffers", here is %d`, module, b.number)
	case busy < larger:
		return busyBelow, fmt.Sprintf(`"%s_busy_buffers_size" %s must be equal to or greater than the larger of "%s_buffer_size" and one of the "%s_buffers", %s`,
			module, size(busy), module, module, size(larger))
	case busy > all:
		how := ""
		if b.busy == 0 {
			how = fmt.Sprintf(" (twice the larger of %s_buffer_size and one buffer)", module)
		}
		return busyAbove, fmt.Sprintf(`"%s_busy_buffers_size" %s%s must be less than the size of all "%s_buffers" minus one buffer: %d x %s = %s`,
			module, size(busy), how, module, b.number-1, size(b.each), size(all))
	case write < larger:
		return writeBelow, fmt.Sprintf(`"%s_temp_file_write_size" %s must be equal to or greater than the larger of "%s_buffer_size" and one of the "%s_buffers", %s`,
			module, size(write), module, module, size(larger))
	case b.maxTemp > 0 && b.maxTemp < larger:
		return tempBelow, fmt.Sprintf(`"%s_max_temp_file_size" %s must be 0 or at least the larger of "%s_buffer_size" and one of the "%s_buffers", %s`,
			module, size(b.maxTemp), module, module, size(larger))
	}
	return 0, ""
}

// busyBuffersFix finds the smallest change that nginx accepts: more buffers of the size that is
// set, and explicit sizes raised to what they must be at least.
func busyBuffersFix(scope *nginx.Scope, module string, values [5]nginx.Value) *lint.Fix {
	b, ok := effectiveBuffers(values, 8<<10)
	if !ok {
		return nil
	}
	larger := max(b.size, b.each)
	var edits []source.Edit
	if b.busy != 0 && b.busy < larger {
		b.busy = larger
		edits = append(edits, scope.SetEdits(module+"_busy_buffers_size", short(larger))...)
	}
	if b.tempWrite != 0 && b.tempWrite < larger {
		edits = append(edits, scope.SetEdits(module+"_temp_file_write_size", short(larger))...)
	}
	if b.maxTemp > 0 && b.maxTemp < larger {
		edits = append(edits, scope.SetEdits(module+"_max_temp_file_size", short(larger))...)
	}
	busy := b.busy
	if busy == 0 {
		busy = 2 * larger
	}
	// Buffers of a page are too small where a page is, and have to be said.
	if number := max(2, (busy+b.each-1)/b.each+1); number > b.number || len(edits) == 0 {
		edits = append(edits, scope.SetEdits(module+"_buffers", fmt.Sprintf("%d %s", max(number, b.number), short(b.each)))...)
	}
	edits = mergeInserts(edits)
	if !allEditable(edits) || scope.Kind == "if" || scope.Kind == "limit_except" {
		return nil
	}
	return &lint.Fix{Safe: true, Description: "the smallest sizes that nginx accepts", Edits: edits}
}

// short writes a size as nginx reads it.
func short(n int64) string {
	if n%(1<<20) == 0 {
		return strconv.FormatInt(n>>20, 10) + "m"
	}
	if n%(1<<10) == 0 {
		return strconv.FormatInt(n>>10, 10) + "k"
	}
	return strconv.FormatInt(n, 10)
}
