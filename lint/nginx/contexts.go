package nginx

// contexts are the kinds of blocks in which nginx takes a directive.
type contexts uint16

const (
	inHTTP     contexts = 1 << iota
	inServer            // server
	inLocation          // location
	inServerIf          // if of a server
	inIf                // if of a location
	inLimit             // limit_except
	inUpstream          // upstream

	inAny = inHTTP | inServer | inLocation // what is inherited
)

// taken says where stock nginx takes the directives of http that people put into the wrong block; those
// of FastCGI that are not listed are inherited. The names of stream's are the same, with other contexts.
var taken = []struct {
	in    contexts
	names string
}{
	{inHTTP, "server upstream map geo split_clients log_format limit_req_zone limit_conn_zone fastcgi_cache_path proxy_cache_path"},
	{inServer, "server_name listen"},
	{inServer | inLocation, "location if try_files"},
	{inLocation, "alias internal limit_except"},
	{inLocation | inIf, "fastcgi_pass"},
	{inLocation | inIf | inLimit, "proxy_pass"},
	{inServer | inLocation | inServerIf | inIf, "return rewrite set break"},
	{inAny | inIf, "root error_page add_header expires"},
	{inAny | inIf | inLimit, "access_log"},
	{inAny | inLimit, "allow deny auth_basic"},
	{inAny | inUpstream, "keepalive_timeout"},
	{inAny, `index error_log client_max_body_size limit_req send_timeout client_body_timeout
		proxy_set_header proxy_read_timeout proxy_send_timeout proxy_connect_timeout proxy_buffering proxy_buffers
		proxy_buffer_size proxy_request_buffering proxy_next_upstream`},
	{inUpstream, "keepalive"},
}

// context is the kind of a block, 0 where its directives are not judged.
func (s *Scope) context() contexts {
	switch s.Kind {
	case "http":
		return inHTTP
	case "server":
		return inServer
	case "location":
		return inLocation
	case "limit_except":
		return inLimit
	case "upstream":
		return inUpstream
	case "if":
		for at := s.Parent; at != nil; at = at.Parent {
			switch at.Kind {
			case "server":
				return inServerIf
			case "location":
				return inIf
			}
		}
	}
	return 0
}

// Misplaced is a directive in a block in which nginx does not take it.
type Misplaced struct {
	Statement *Statement
	Scope     *Scope
}

// Misplaced are the directives that nginx does not take in the block in which they stand, includes
// followed, each once (ngx_conf_handler).
func (c *Config) Misplaced() []Misplaced {
	var out []Misplaced
	seen := map[*Statement]bool{}
	var walk func(s *Scope)
	walk = func(s *Scope) {
		in := s.context()
		if s.Statement == nil { // what a fragment is read as inside of
			in = 0
		}
		bad := func(id nameID) bool {
			where := table[id].in
			return in != 0 && where != 0 && where&in == 0
		}
		report := func(d *Statement) {
			if !seen[d] {
				seen[d] = true
				out = append(out, Misplaced{d, s})
			}
		}
		for i, id := range s.ids {
			if !bad(id) {
				continue
			}
			switch d := s.Directives[i]; {
			case d.is(block): // it lacks its body, or is a server of an upstream
			case d.Name == "fastcgi_pass" && (in == inServer || in == inHTTP): // said where its file is read
			default:
				report(d)
			}
		}
		for _, child := range s.Children {
			if child.Statement != nil && bad(child.Statement.id) {
				report(child.Statement)
				continue // what it holds was meant for elsewhere
			}
			walk(child)
		}
	}
	for _, s := range c.Main.Children {
		if s.Kind == "http" {
			walk(s)
		}
	}
	return out
}
