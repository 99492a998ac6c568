// Package logs reads the logs of nginx, PHP-FPM and the kernel and says which hand-off broke, how,
// since when and for which requests.
//
// Each kind of log has a file. What a message proves stands in one table, table.go, from which the
// documentation is made too. Files are read as streams: what is kept of them is bounded.
package logs

import "fmt"

// Place is where a failure was made.
type Place string

// The places.
const (
	Nginx  Place = "nginx"
	FPM    Place = "fpm"
	Kernel Place = "kernel"
	Edge   Place = "edge"
	Script Place = "script"
)

// Confidence says how sure a cause is: proven by a message or by two logs that agree, or likely.
type Confidence string

// The confidences.
const (
	Proven Confidence = "proven"
	Likely Confidence = "likely"
)

// Class is what a cause is about. Incidents are reported in the order of the classes: what breaks
// every request before what breaks some, stability before slowness.
type Class string

// The classes, in the order of suspicion.
const (
	Crash        Class = "crash"
	Memory       Class = "memory"
	Connectivity Class = "connectivity"
	Permission   Class = "permission"
	DNS          Class = "dns"
	Protocol     Class = "protocol"
	HeaderSize   Class = "header size"
	Capacity     Class = "capacity"
	Latency      Class = "latency"
	Application  Class = "application"
)

var classOrder = []Class{Crash, Memory, Connectivity, Permission, DNS, Protocol, HeaderSize, Capacity, Latency, Application}

// Cause is a kind of failure.
type Cause struct {
	ID    string
	Place Place
	Class Class
	// Failed says that hand-offs fail. The others are made by the script or by the visitor.
	Failed bool
	// Request says what nginx met, Event what PHP-FPM's or the kernel's log says where nginx's is
	// silent; %s stands for the address in the one and for the pool in the other.
	Request, Event string
	// Tell says how the cause is told from those that look alike, "" where its messages prove it.
	Tell string
	// Advice says what to do.
	Advice string
	// Rules are the lint rules whose findings explain the cause, the surest first.
	Rules []string
	// Cured says that to mend what the first of them finds ends the failures, even where it is only a
	// warning. Errors always count so.
	Cured bool
}

// causes lists what can go wrong. The identifiers are stable.
var causes = []*Cause{
	{ID: "socket-missing", Place: Nginx, Class: Connectivity, Failed: true,
		Request: "there is no socket at %s",
		Advice:  "make fastcgi_pass and the pool's listen name one path, or start PHP-FPM, which makes the socket",
		Rules:   []string{"socket-mismatch", "stale-php-version", "pool-left-behind", "private-tmp", "fpm-syntax", "fpm-config", "listen-form", "scalar-overridden", "include-matches-nothing"}},
	{ID: "socket-refused", Place: FPM, Class: Connectivity, Failed: true,
		Request: "nothing accepts connections at %s",
		Advice:  "see whether PHP-FPM runs and listens there: after a crash or a failed reload its socket stays behind and refuses",
		Rules:   []string{"socket-mismatch", "localhost-dual-stack", "upstream-default-port", "fpm-syntax", "fpm-config", "proxy-unreachable", "listen-form"}},
	{ID: "socket-forbidden", Place: Nginx, Class: Permission, Failed: true,
		Request: "nginx's user may not connect to %s",
		Advice:  "give the pool listen.owner and listen.group of nginx's user and restart PHP-FPM, as a reload leaves the socket as it is; where the modes are right, look at the directories above it and at SELinux or AppArmor",
		Rules:   []string{"listen-permissions", "listen-form", "selinux-context"}},
	{ID: "backlog-full", Place: FPM, Class: Capacity, Failed: true,
		Request: "all workers are busy and the queue of %s is full",
		Advice:  "find what keeps the workers (slow log, status page); raise pm.max_children only as far as memory allows",
		Rules:   []string{"listen-backlog", "keepalive-pins-workers", "max-children-default", "process-max", "unbounded-request", "spare-servers"}},
	{ID: "worker-crash", Place: FPM, Class: Crash, Failed: true,
		Request: "the worker behind %s crashed",
		Event:   "workers of %s crashed",
		Tell:    "nginx sees the connection reset; PHP-FPM's log has the worker's death by another signal than 9 or 15 within two seconds, and the kernel's log may name the extension",
		Advice:  "find the extension that crashes: take opcache's JIT, Xdebug and third-party extensions out one by one, or read a core dump",
		Rules:   []string{"emergency-restart", "xdebug-enabled"}},
	{ID: "worker-oom", Place: Kernel, Class: Memory, Failed: true, Cured: true,
		Request: "the worker behind %s was killed for want of memory",
		Event:   "workers of %s were killed for want of memory",
		Tell:    "nginx sees the connection reset; PHP-FPM's log has the worker's death by signal 9, and the kernel's log the kill of that process. Without the kernel's log it is likely only; where that log spans the time and has no kill, somebody else sent the signal",
		Advice:  "lower pm.max_children until all workers fit into memory; do not raise memory_limit. Where systemd then stopped the service, set OOMPolicy=continue in its unit",
		Rules:   []string{"max-children-memory", "memory-limit-unbounded", "max-requests-unlimited"}},
	{ID: "worker-terminated", Place: FPM, Class: Latency, Failed: true,
		Request: "PHP-FPM ended the worker behind %s after request_terminate_timeout",
		Event:   "PHP-FPM ended workers of %s after request_terminate_timeout",
		Tell:    "nginx sees the connection reset; PHP-FPM's log has the time limit and then the worker's death by signal 15",
		Advice:  "mend what is slow (slow log); keep max_execution_time below request_terminate_timeout and that not above fastcgi_read_timeout",
		Rules:   []string{"timeout-order", "fpm-time-unit", "php-value-shadowed"}},
	{ID: "worker-closed", Place: FPM, Class: Crash, Failed: true,
		Request: "the worker behind %s closed the connection early",
		Event:   "workers of %s ended early",
		Tell:    "nothing in PHP-FPM's log or the kernel's explains the reset",
		Advice:  "read PHP-FPM's log and the kernel's for the same time too: a crash, a kill, a time limit and a reload all look like this to nginx",
		Rules:   []string{"emergency-restart", "process-control-timeout", "proxy-pass-to-fpm"}},
	{ID: "reload-cut", Place: FPM, Class: Connectivity, Failed: true, Cured: true,
		Request: "a reload or stop of PHP-FPM cut off requests at %s",
		Tell:    "nginx sees the connection reset between a reload or stop of PHP-FPM and its being ready again",
		Advice:  "set process_control_timeout = 10s, so that workers end their requests first",
		Rules:   []string{"process-control-timeout"}},
	{ID: "client-disallowed", Place: FPM, Class: Permission, Failed: true, Cured: true,
		Request: "listen.allowed_clients of the pool at %s leaves nginx's address out",
		Event:   "listen.allowed_clients of %s turned connections away",
		Tell:    "nginx sees the connection reset; PHP-FPM's log names the visitor only with catch_workers_output = yes. Without that the configuration must show it",
		Advice:  "list nginx's address in listen.allowed_clients: single addresses, as networks and names are not understood",
		Rules:   []string{"listen-allowed-clients"}},
	{ID: "upstream-timeout", Place: Script, Class: Latency, Failed: true,
		Request: "%s did not answer in time",
		Tell:    "the slow log or PHP-FPM's log shows slow scripts of the pool in the five minutes before, or nothing speaks for another cause",
		Advice:  "look into the slow log for what the script waits for before raising fastcgi_read_timeout",
		Rules:   []string{"read-timeout-zero", "low-read-timeout", "timeout-order", "unbounded-request", "static-silent", "wp-cron-web", "admin-ajax-shared", "fpm-time-unit"}},
	{ID: "workers-pinned", Place: Nginx, Class: Capacity, Failed: true, Cured: true,
		Request: "nginx's idle connections hold the workers of %s",
		Tell:    "nginx waits in vain, no script of the pool is slow, and the configuration keeps more idle connections than the pool has workers",
		Advice:  "take fastcgi_keep_conn or the upstream's keepalive away, or keep it far below pm.max_children",
		Rules:   []string{"keepalive-pins-workers"}},
	{ID: "max-children", Place: FPM, Class: Capacity, Failed: true,
		Event:  "%s had no worker left",
		Tell:   "PHP-FPM's log says so; a timeout in the two minutes after is counted here where no script is known to be slow. A static pool never says so",
		Advice: "find what keeps the workers (slow log, status page); raise pm.max_children only as far as memory allows",
		Rules:  []string{"max-children-default", "process-max", "keepalive-pins-workers", "unbounded-request", "spare-servers", "pool-settings-lost", "wp-cron-web"}},
	{ID: "header-too-big", Place: Nginx, Class: HeaderSize, Failed: true, Cured: true,
		Request: "response headers from %s do not fit into nginx's buffer",
		Advice:  "set fastcgi_buffer_size 32k with fastcgi_buffers 16 16k (proxy_ for proxy_pass); fastcgi_buffers alone does not cure it",
		Rules:   []string{"low-header-buffer"}},
	{ID: "no-live-upstream", Place: Nginx, Class: Connectivity, Failed: true,
		Request: "nginx had taken all servers of %s out of use",
		Advice:  "look at the first failure of each server before this one; max_fails=0 keeps a single slow page from taking them out",
		Rules:   []string{"no-live-upstream", "max-fails-blackout", "localhost-dual-stack", "socket-mismatch", "next-upstream"}},
	{ID: "name-unresolved", Place: Nginx, Class: DNS, Failed: true,
		Request: "nginx could not resolve the name of %s",
		Advice:  "give nginx a resolver that knows the name, or pass to an address",
		Rules:   []string{"variable-pass-no-resolver", "upstream-unresolvable", "upstream-dns-pinned"}},
	{ID: "address-invalid", Place: Nginx, Class: Connectivity, Failed: true,
		Request: "the variable in the pass gave no address: %s",
		Advice:  "give the variable a default that is an address with a port, or an upstream's name",
		Rules:   []string{"variable-pass-no-resolver", "pass-form"}},
	{ID: "host-unreachable", Place: Nginx, Class: Connectivity, Failed: true,
		Request: "the network does not lead to %s",
		Advice:  "check the address, the route and the firewalls between nginx and PHP-FPM",
		Rules:   []string{"socket-mismatch", "upstream-dns-pinned"}},
	{ID: "protocol-mismatch", Place: Nginx, Class: Protocol, Failed: true,
		Request: "%s does not speak the protocol that nginx speaks to it",
		Tell:    "nginx cannot read the answer; or it speaks HTTP to an address where the configuration has a pool",
		Advice:  "use fastcgi_pass for PHP-FPM and proxy_pass for web servers, and check the port",
		Rules:   []string{"proxy-pass-to-fpm", "upstream-default-port", "listen-conflict"}},
	{ID: "response-invalid", Place: Script, Class: Protocol, Failed: true,
		Request: "the script behind %s sent headers that nginx refuses",
		Advice:  "mend the header() calls that the message names"},
	{ID: "tls-failed", Place: Nginx, Class: Protocol, Failed: true,
		Request: "the TLS handshake with %s failed",
		Advice:  "check proxy_ssl_name, proxy_ssl_server_name and the certificate of the origin"},
	{ID: "nginx-resources", Place: Nginx, Class: Capacity, Failed: true,
		Request: "nginx ran out of connections, descriptors, ports or disk space for %s",
		Advice:  "raise worker_connections and worker_rlimit_nofile together, and see that there is room where nginx has its temporary directories",
		Rules:   []string{"file-limit", "temp-path"}},
	{ID: "temp-denied", Place: Nginx, Class: Permission, Failed: true,
		Request: "nginx may not write what %s answers to its temporary directory",
		Advice:  "give the directory that the message names, with those in it, to nginx's user, and let that user search the directories above",
		Rules:   []string{"temp-path"}},
	{ID: "nginx-crash", Place: Nginx, Class: Crash, Failed: true,
		Event:  "nginx's own workers crashed",
		Advice: "take third-party modules out one by one, or read a core dump"},
	{ID: "script-unknown", Place: Script, Class: Application, Failed: true,
		Request: "PHP found no script at the path that nginx named to %s",
		Advice:  "compare root and SCRIPT_FILENAME with where the files are as PHP-FPM sees them (chroot, containers)",
		Rules:   []string{"script-filename", "script-filename-twice", "fastcgi-param-shadowed", "fastcgi-params"}},
	{ID: "script-denied", Place: Script, Class: Application, Failed: true,
		Request: "security.limit_extensions of the pool at %s forbids the script",
		Advice:  "pass only .php files to PHP-FPM; do not widen security.limit_extensions for others",
		Rules:   []string{"path-info-exec"}},
	{ID: "fpm-down", Place: FPM, Class: Connectivity, Failed: true,
		Request: "PHP-FPM was not running behind %s",
		Event:   "PHP-FPM did not start, or php-fpm -t refused its configuration",
		Tell:    "nginx is refused or finds no socket, and the last that PHP-FPM's log or systemd tells is a stop, or a reload without a new start",
		Advice:  "run php-fpm -t, mend what it says, start the service; test before every reload, as a reload with a faulty file ends PHP-FPM",
		Rules:   []string{"fpm-syntax", "fpm-config", "pool-hash-comment", "listen-form", "listen-conflict", "no-restart-policy", "private-tmp", "pool-runs-as-root"}},
	{ID: "crash-loop", Place: FPM, Class: Crash, Failed: true,
		Event:  "workers of %s crashed again and again",
		Tell:   "PHP-FPM says so, or ten workers of a pool crash within a minute",
		Advice: "find the extension that crashes, and set emergency_restart_threshold and emergency_restart_interval, which help where opcache's memory is broken",
		Rules:  []string{"emergency-restart"}},
	{ID: "fork-failed", Place: Kernel, Class: Capacity, Failed: true,
		Event:  "PHP-FPM could not start workers: the kernel refused to fork",
		Advice: "look for the limit: memory, the unit's TasksMax, the user's nproc, the container's pids limit",
		Rules:  []string{"max-children-memory", "process-max"}},
	{ID: "php-error", Place: Script, Class: Application,
		Request: "PHP ended the script with a fatal error behind %s",
		Event:   "PHP ended scripts of %s with fatal errors",
		Advice:  "mend the script; the hand-off itself works"},
	{ID: "slow-script", Place: Script, Class: Latency,
		Event:  "requests of %s took longer than request_slowlog_timeout",
		Tell:   "PHP-FPM's log and the slow log tell of one request both; it is counted once",
		Advice: "look at the frames: the innermost one is what the script waits for"},
	{ID: "client-gone", Place: Edge, Class: Latency,
		Request: "the visitor or the edge in front gave up before %s answered",
		Advice:  "compare the time it took with the edge's own limit; the script ran on",
		Rules:   []string{"edge-timeout", "timeout-order"}},
}

// Causes lists the causes.
func Causes() []*Cause { return causes }

// causeByID is the cause of that name, nil where there is none.
func causeByID(id string) *Cause {
	for _, c := range causes {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// mustCause is causeByID for names that the program itself gives.
func mustCause(id string) *Cause {
	c := causeByID(id)
	if c == nil {
		panic(fmt.Sprintf("no cause %s", id))
	}
	return c
}
