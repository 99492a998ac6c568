package logs

import (
	"slices"
)

// Log is the program whose message it is.
type Log string

// The logs. PHP's own messages come through nginx's error log or through PHP-FPM's.
const (
	NginxLog   Log = "nginx"
	PHPLog     Log = "php"
	FPMLog     Log = "fpm"
	KernelLog  Log = "kernel"
	SystemdLog Log = "systemd"
	SlowLog    Log = "slow log"
)

// Message is a message of a log and what it proves.
type Message struct {
	Log Log
	// Text is the message. {name} stands for a part that varies: a number for pid, n, signal and
	// code, anything else for other names. Messages of nginx are matched as a whole, those of
	// others as a beginning.
	Text string
	// Errno is the system's error, 0 for none or any.
	Errno Errno
	// Signal is that by which a worker ended, 0 for any.
	Signal int
	// While is what nginx was doing, "" for anything.
	While string
	// Cause is a cause's name, "" where the message proves no failure.
	Cause string
	// Status is the status that the visitor gets, 0 where that is open.
	Status int

	role   role
	cause  *Cause
	pieces []piece
}

// role is what correlation makes of a message.
type role uint8

const (
	roleNone    role = iota
	roleReset        // nginx saw a connection end that a worker's death can explain
	roleNoEntry      // nginx found no listener, which a stop can explain
	roleDeath        // a worker died
	roleTimeout      // PHP-FPM ends a worker for its time
	roleKill         // the kernel killed a process
	roleFault        // the kernel saw a process fault
	roleStop         // PHP-FPM stops
	roleReload       // PHP-FPM reloads
	roleReady        // PHP-FPM serves
	roleRefuse       // PHP-FPM turned a client away
	roleSlow         // an upstream took too long, which a trace or full pools can explain
	roleTrace        // PHP-FPM saw a script that takes long
	roleFull         // a pool had no worker left
)

// What nginx does, in its words (log->action).
const (
	connecting  = "connecting to upstream"
	handshaking = "SSL handshaking to upstream"
	sending     = "sending request to upstream"
	readHeader  = "reading response header from upstream"
	readBody    = "reading upstream"
	toClient    = "sending to client"
)

// table holds every message that is understood: nginx's from ngx_http_upstream.c, ngx_event_connect.c,
// ngx_event_pipe.c and the FastCGI and proxy modules, PHP-FPM's from sapi/fpm, the kernel's from
// mm/oom_kill.c and arch/x86/mm/fault.c. Of two messages of one text the first that fits counts.
var table = []*Message{
	// The connection cannot be made. "to PEER" is left out of connect().
	{Log: NginxLog, Text: "connect() failed", Errno: enoent, Cause: "socket-missing", Status: 502, role: roleNoEntry},
	{Log: NginxLog, Text: "connect() failed", Errno: enotdir, Cause: "socket-missing", Status: 502},
	{Log: NginxLog, Text: "connect() failed", Errno: econnrefused, Cause: "socket-refused", Status: 502, role: roleNoEntry},
	{Log: NginxLog, Text: "connect() failed", Errno: econnreset, Cause: "socket-refused", Status: 502},
	{Log: NginxLog, Text: "connect() failed", Errno: eacces, Cause: "socket-forbidden", Status: 502},
	{Log: NginxLog, Text: "connect() failed", Errno: eperm, Cause: "socket-forbidden", Status: 502},
	{Log: NginxLog, Text: "connect() failed", Errno: eagain, Cause: "backlog-full", Status: 502, role: roleSlow},
	{Log: NginxLog, Text: "connect() failed", Errno: etimedout, Cause: "host-unreachable", Status: 502},
	{Log: NginxLog, Text: "connect() failed", Errno: ehostunreach, Cause: "host-unreachable", Status: 502},
	{Log: NginxLog, Text: "connect() failed", Errno: enetunreach, Cause: "host-unreachable", Status: 502},
	{Log: NginxLog, Text: "connect() failed", Errno: ehostdown, Cause: "host-unreachable", Status: 502},
	{Log: NginxLog, Text: "connect() failed", Errno: eafnosupport, Cause: "host-unreachable", Status: 502},
	{Log: NginxLog, Text: "connect() failed", Errno: eprototype, Cause: "protocol-mismatch", Status: 502},
	{Log: NginxLog, Text: "connect() failed", Errno: eaddrnotavail, Cause: "nginx-resources", Status: 502},
	{Log: NginxLog, Text: "bind({address}) failed", While: connecting, Cause: "nginx-resources", Status: 500},
	{Log: NginxLog, Text: "socket() failed", While: connecting, Cause: "nginx-resources", Status: 500},
	{Log: NginxLog, Text: "{n} worker_connections are not enough", Cause: "nginx-resources", Status: 500},
	{Log: NginxLog, Text: "no live upstreams", Cause: "no-live-upstream", Status: 502},
	{Log: NginxLog, Text: "upstream server temporarily disabled"},
	{Log: NginxLog, Text: "no resolver defined to resolve {name}", Cause: "name-unresolved", Status: 502},
	{Log: NginxLog, Text: "{name} could not be resolved", Cause: "name-unresolved", Status: 502},
	{Log: NginxLog, Text: `host not found in upstream "{name}" in {file}:{n}`, Cause: "name-unresolved"},
	{Log: NginxLog, Text: `host not found in upstream "{name}"`, Cause: "name-unresolved", Status: 500},
	{Log: NginxLog, Text: `no port in upstream "{name}"`, Cause: "address-invalid", Status: 500},
	{Log: NginxLog, Text: `no host in upstream "{name}"`, Cause: "address-invalid", Status: 500},
	{Log: NginxLog, Text: `invalid port in upstream "{name}"`, Cause: "address-invalid", Status: 500},
	{Log: NginxLog, Text: `invalid host in upstream "{name}"`, Cause: "address-invalid", Status: 500},
	{Log: NginxLog, Text: `no path in the unix domain socket in upstream "{name}"`, Cause: "address-invalid", Status: 500},
	{Log: NginxLog, Text: `too long path in the unix domain socket in upstream "{name}"`, Cause: "address-invalid", Status: 500},
	{Log: NginxLog, Text: `invalid URL prefix in "{name}"`, Cause: "address-invalid", Status: 500},
	{Log: NginxLog, Text: "zero length URI to proxy", Cause: "address-invalid", Status: 500},
	{Log: NginxLog, Text: "no upstream configuration", Cause: "address-invalid", Status: 500},

	// TLS towards the origin.
	{Log: NginxLog, Text: "SSL_do_handshake() failed", While: handshaking, Cause: "tls-failed", Status: 502},
	{Log: NginxLog, Text: "peer closed connection in SSL handshake", While: handshaking, Cause: "tls-failed", Status: 502},
	{Log: NginxLog, Text: "upstream SSL certificate verify error:", Cause: "tls-failed", Status: 502},
	{Log: NginxLog, Text: `upstream SSL certificate does not match "{name}"`, Cause: "tls-failed", Status: 502},
	{Log: NginxLog, Text: "SSL_write() failed", While: sending, Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "SSL_read() failed", While: readHeader, Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "SSL_read() failed", While: readBody, Cause: "worker-closed", Status: 200, role: roleReset},

	// Time.
	{Log: NginxLog, Text: "upstream timed out", While: connecting, Cause: "backlog-full", Status: 504, role: roleSlow},
	{Log: NginxLog, Text: "upstream timed out", While: handshaking, Cause: "tls-failed", Status: 504},
	{Log: NginxLog, Text: "upstream timed out", While: readBody, Cause: "upstream-timeout", Status: 200, role: roleSlow},
	{Log: NginxLog, Text: "upstream timed out", While: toClient, Cause: "upstream-timeout", Status: 200, role: roleSlow},
	{Log: NginxLog, Text: "upstream timed out", While: "proxying upgraded connection"},
	{Log: NginxLog, Text: "upstream timed out", Cause: "upstream-timeout", Status: 504, role: roleSlow},

	// The connection ended early.
	{Log: NginxLog, Text: "recv() failed", Errno: econnreset, While: readHeader, Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "recv() failed", Errno: econnreset, While: sending, Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "recv() failed", Errno: econnreset, While: readBody, Cause: "worker-closed", Status: 200, role: roleReset},
	{Log: NginxLog, Text: "recv() failed", Errno: econnreset, While: toClient, Cause: "worker-closed", Status: 200, role: roleReset},
	{Log: NginxLog, Text: "recv() failed", Errno: econnrefused, While: readHeader, Cause: "socket-refused", Status: 502, role: roleNoEntry},
	{Log: NginxLog, Text: "recv() failed", Errno: etimedout, While: readHeader, Cause: "host-unreachable", Status: 502},
	{Log: NginxLog, Text: "recv() failed", Errno: ehostunreach, While: readHeader, Cause: "host-unreachable", Status: 502},
	{Log: NginxLog, Text: "recv() failed", While: "proxying upgraded connection"},
	{Log: NginxLog, Text: "readv() failed", Errno: econnreset, While: readHeader, Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "readv() failed", Errno: econnreset, Cause: "worker-closed", Status: 200, role: roleReset},
	{Log: NginxLog, Text: "upstream prematurely closed connection", While: readBody, Cause: "worker-closed", Status: 200, role: roleReset},
	{Log: NginxLog, Text: "upstream prematurely closed connection", While: toClient, Cause: "worker-closed", Status: 200, role: roleReset},
	{Log: NginxLog, Text: "upstream prematurely closed connection", Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "upstream prematurely closed FastCGI stdout", While: readHeader, Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "upstream prematurely closed FastCGI stdout", Cause: "worker-closed", Status: 200, role: roleReset},
	{Log: NginxLog, Text: "upstream prematurely closed FastCGI request", Cause: "worker-closed", Status: 200, role: roleReset},
	{Log: NginxLog, Text: "kevent() reported that upstream closed connection", Cause: "worker-closed", Status: 200, role: roleReset},
	{Log: NginxLog, Text: "writev() failed", Errno: epipe, While: sending, Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "writev() failed", Errno: econnreset, While: sending, Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "send() failed", Errno: epipe, While: sending, Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "send() failed", Errno: econnreset, While: sending, Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "sendfile() failed", Errno: epipe, While: sending, Cause: "worker-closed", Status: 502, role: roleReset},
	{Log: NginxLog, Text: "sendfile() failed", Errno: econnreset, While: sending, Cause: "worker-closed", Status: 502, role: roleReset},

	// The answer is refused.
	{Log: NginxLog, Text: "upstream sent too big header", Cause: "header-too-big", Status: 502},
	{Log: NginxLog, Text: "{name}_buffer_size {n} is not enough for cache key, it should be increased to at least {n}", Cause: "header-too-big", Status: 500},
	{Log: NginxLog, Text: "upstream sent unsupported FastCGI protocol version: {n}", Cause: "protocol-mismatch", Status: 502},
	{Log: NginxLog, Text: "upstream sent invalid FastCGI record type: {n}", Cause: "protocol-mismatch", Status: 502},
	{Log: NginxLog, Text: "upstream sent unexpected FastCGI record: {n}", Cause: "protocol-mismatch", Status: 502},
	{Log: NginxLog, Text: "upstream sent unexpected FastCGI request id high byte: {n}", Cause: "protocol-mismatch", Status: 502},
	{Log: NginxLog, Text: "upstream sent unexpected FastCGI request id low byte: {n}", Cause: "protocol-mismatch", Status: 502},
	{Log: NginxLog, Text: "upstream sent no valid HTTP/1.0 header", Cause: "protocol-mismatch", Status: 200},
	{Log: NginxLog, Text: `upstream sent invalid status "{value}"`, Cause: "response-invalid", Status: 502},
	{Log: NginxLog, Text: `upstream sent invalid header: "{value}"`, Cause: "response-invalid", Status: 502},
	{Log: NginxLog, Text: "upstream sent invalid header", Cause: "response-invalid", Status: 502},
	{Log: NginxLog, Text: "invalid header after joining FastCGI records", Cause: "response-invalid", Status: 502},
	{Log: NginxLog, Text: `upstream sent duplicate header line: "{value}", previous value: "{value}", ignored`},
	{Log: NginxLog, Text: `upstream sent duplicate header line: "{value}", previous value: "{value}"`, Cause: "response-invalid", Status: 502},
	{Log: NginxLog, Text: `upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time`, Cause: "response-invalid", Status: 502},
	{Log: NginxLog, Text: `upstream sent invalid "Content-Length" header: "{value}"`, Cause: "response-invalid", Status: 502},
	{Log: NginxLog, Text: `upstream sent unknown "Transfer-Encoding": "{value}"`, Cause: "response-invalid", Status: 502},
	{Log: NginxLog, Text: "upstream sent invalid chunked response", Cause: "response-invalid", Status: 200},
	{Log: NginxLog, Text: "upstream sent too big trailers", Cause: "response-invalid", Status: 200},
	{Log: NginxLog, Text: `upstream sent invalid trailer: "{value}"`, Cause: "response-invalid", Status: 200},
	{Log: NginxLog, Text: "upstream sent HTTP/1.0 response with early hints", Cause: "response-invalid", Status: 502},
	{Log: NginxLog, Text: "upstream prematurely sent response", Cause: "response-invalid", Status: 502},
	{Log: NginxLog, Text: `upstream sent more data than specified in "Content-Length" header`},
	{Log: NginxLog, Text: "upstream sent data after final chunk"},
	{Log: NginxLog, Text: "upstream sent data after trailers"},
	{Log: NginxLog, Text: "upstream sent too big early hints"},

	// nginx's own means, and the visitor.
	{Log: NginxLog, Text: `open() "{file}" failed`, While: readBody, Errno: eacces, Cause: "temp-denied", Status: 500},
	{Log: NginxLog, Text: `open() "{file}" failed`, While: readBody, Cause: "nginx-resources", Status: 500},
	{Log: NginxLog, Text: `mkdir() "{file}" failed`, While: readBody, Errno: eacces, Cause: "temp-denied", Status: 500},
	{Log: NginxLog, Text: `mkdir() "{file}" failed`, While: readBody, Cause: "nginx-resources", Status: 500},
	{Log: NginxLog, Text: `pwrite() "{file}" failed`, While: readBody, Cause: "nginx-resources", Status: 200},
	{Log: NginxLog, Text: `pwritev() "{file}" failed`, While: readBody, Cause: "nginx-resources", Status: 200},
	{Log: NginxLog, Text: `write() "{file}" failed`, While: readBody, Cause: "nginx-resources", Status: 200},
	{Log: NginxLog, Text: `writev() "{file}" failed`, While: readBody, Cause: "nginx-resources", Status: 200},
	{Log: NginxLog, Text: "worker process {pid} exited on signal {signal}", Cause: "nginx-crash"},
	{Log: NginxLog, Text: "worker process {pid} exited on signal {signal} (core dumped)", Cause: "nginx-crash"},
	{Log: NginxLog, Text: "epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too", Cause: "client-gone", Status: 499},
	{Log: NginxLog, Text: "epoll_wait() reported that client prematurely closed connection", Cause: "client-gone", Status: 499},
	{Log: NginxLog, Text: "kevent() reported that client prematurely closed connection, so upstream connection is closed too", Cause: "client-gone", Status: 499},
	{Log: NginxLog, Text: "kevent() reported that client prematurely closed connection", Cause: "client-gone", Status: 499},
	{Log: NginxLog, Text: "client prematurely closed connection, so upstream connection is closed too", Cause: "client-gone", Status: 499},
	{Log: NginxLog, Text: "client timed out"},
	{Log: NginxLog, Text: "an upstream response is buffered to a temporary file {file}"},
	{Log: NginxLog, Text: "a client request body is buffered to a temporary file {file}"},

	// What PHP says, through nginx ("FastCGI sent in stderr") or through PHP-FPM ("said into stderr").
	{Log: PHPLog, Text: "Primary script unknown", Cause: "script-unknown", Status: 404},
	{Log: PHPLog, Text: "Unable to open primary script: {file}", Cause: "script-unknown", Status: 404},
	{Log: PHPLog, Text: "Access to the script '{file}' has been denied (see security.limit_extensions)", Cause: "script-denied", Status: 403},
	{Log: PHPLog, Text: "Connection disallowed: IP address '{client}' has been dropped.", Cause: "client-disallowed", role: roleRefuse},
	{Log: PHPLog, Text: "Wrong IP address '{client}' in listen.allowed_clients", Cause: "client-disallowed"},
	{Log: PHPLog, Text: "There are no allowed addresses", Cause: "client-disallowed"},
	{Log: PHPLog, Text: "PHP message: PHP Fatal error: ", Cause: "php-error", Status: 500},
	{Log: PHPLog, Text: "PHP message: PHP Parse error: ", Cause: "php-error", Status: 500},
	{Log: PHPLog, Text: "PHP message: PHP Compile error: ", Cause: "php-error", Status: 500},
	{Log: PHPLog, Text: ""},

	// PHP-FPM, after "[pool NAME] ".
	{Log: FPMLog, Text: "server reached pm.max_children setting ({n}), consider raising it", Cause: "max-children", role: roleFull},
	{Log: FPMLog, Text: "server reached max_children setting ({n}), consider raising it", Cause: "max-children", role: roleFull},
	{Log: FPMLog, Text: "The maximum number of processes has been reached. Please review your configuration and consider raising 'process.max'", Cause: "max-children"},
	{Log: FPMLog, Text: "seems busy (you may need to increase pm.start_servers, or pm.min/max_spare_servers)"},
	{Log: FPMLog, Text: "child {pid}, script '{script}' (request: \"{request}\") execution timed out ({seconds} sec), terminating", Cause: "worker-terminated", role: roleTimeout},
	{Log: FPMLog, Text: "child {pid}, script '{script}' (request: \"{request}\") executing too slow ({seconds} sec), logging", Cause: "slow-script", role: roleTrace},
	{Log: FPMLog, Text: "child {pid} exited on signal {signal} (", Signal: 3},
	{Log: FPMLog, Text: "child {pid} exited on signal {signal} ({detail}) after ", Signal: 9, Cause: "worker-oom", role: roleDeath},
	{Log: FPMLog, Text: "child {pid} exited on signal {signal} ({detail}) after ", Signal: 15, Cause: "worker-closed", role: roleDeath},
	{Log: FPMLog, Text: "child {pid} exited on signal {signal} ({detail}) after ", Cause: "worker-crash", role: roleDeath},
	{Log: FPMLog, Text: "child {pid} exited with code 0 after "},
	{Log: FPMLog, Text: "child {pid} exited with code {code} after ", Cause: "worker-closed", role: roleDeath},
	{Log: FPMLog, Text: "child {pid} has been killed by the process management after "},
	{Log: FPMLog, Text: "child {pid} stopped for tracing"},
	{Log: FPMLog, Text: "child {pid} started"},
	{Log: FPMLog, Text: "child failed to initialize", Cause: "crash-loop"},
	{Log: FPMLog, Text: "failed processes threshold ({n} in {n} sec) is reached, initiating reload", Cause: "crash-loop", role: roleReload},
	{Log: FPMLog, Text: "fork() failed: {error}", Cause: "fork-failed"},
	{Log: FPMLog, Text: "Reloading in progress ...", role: roleReload},
	{Log: FPMLog, Text: "reloading: execvp("},
	{Log: FPMLog, Text: "Terminating ...", role: roleStop},
	{Log: FPMLog, Text: "Finishing ...", role: roleStop},
	{Log: FPMLog, Text: "exiting, bye-bye!", role: roleStop},
	{Log: FPMLog, Text: "fpm is running, pid {pid}"},
	{Log: FPMLog, Text: "ready to handle connections", role: roleReady},
	{Log: FPMLog, Text: "unable to bind listening socket for address '{address}'", Cause: "fpm-down"},
	{Log: FPMLog, Text: "Another FPM instance seems to already listen on {address}", Cause: "fpm-down"},
	{Log: FPMLog, Text: "unable to set listen address as it's already used in another pool '{value}'", Cause: "fpm-down"},
	{Log: FPMLog, Text: "[{file}:{n}] ", Cause: "fpm-down"},
	{Log: FPMLog, Text: "PHP:  syntax error, ", Cause: "fpm-down"},
	{Log: FPMLog, Text: "cannot get uid for user '{value}'", Cause: "fpm-down"},
	{Log: FPMLog, Text: "cannot get gid for group '{value}'", Cause: "fpm-down"},
	{Log: FPMLog, Text: "please specify user and group other than root", Cause: "fpm-down"},
	{Log: FPMLog, Text: "No pool defined. at least one pool section must be specified in config file", Cause: "fpm-down"},
	{Log: FPMLog, Text: "failed to load configuration file '{file}'", Cause: "fpm-down"},
	{Log: FPMLog, Text: "failed to post process the configuration", Cause: "fpm-down"},
	{Log: FPMLog, Text: "FPM initialization failed", Cause: "fpm-down", role: roleStop},
	{Log: FPMLog, Text: "oops, unknown child ({pid}) exited "},
	{Log: FPMLog, Text: "unknown child ({pid}) exited "},
	{Log: FPMLog, Text: "failed to ptrace("},
	{Log: FPMLog, Text: "failed to trace "},
	{Log: FPMLog, Text: "ACL set, listen."},
	{Log: FPMLog, Text: "Nothing matches the include pattern"},

	// The kernel. It speaks of a kill twice: the first line of a process counts.
	{Log: KernelLog, Text: "Out of memory: Killed process {pid} ({comm})", Cause: "worker-oom", role: roleKill},
	{Log: KernelLog, Text: "Out of memory: Kill process {pid} ({comm}) score ", Cause: "worker-oom", role: roleKill},
	{Log: KernelLog, Text: "Memory cgroup out of memory: Killed process {pid} ({comm})", Cause: "worker-oom", role: roleKill},
	{Log: KernelLog, Text: "Memory cgroup out of memory: Kill process {pid} ({comm}) score ", Cause: "worker-oom", role: roleKill},
	{Log: KernelLog, Text: "Killed process {pid} ({comm})", Cause: "worker-oom", role: roleKill},
	{Log: KernelLog, Text: "oom-kill:constraint={value},task={comm},pid={pid},", Cause: "worker-oom", role: roleKill},
	{Log: KernelLog, Text: "{comm}[{pid}]: segfault at {detail}", Cause: "worker-crash", role: roleFault},
	{Log: KernelLog, Text: "traps: {comm}[{pid}] {detail}", Cause: "worker-crash", role: roleFault},

	// systemd, of the services of PHP-FPM.
	{Log: SystemdLog, Text: "{unit}: A process of this unit has been killed by the OOM killer."},
	{Log: SystemdLog, Text: "{unit}: Failed with result 'oom-kill'.", Cause: "worker-oom", role: roleStop},
	{Log: SystemdLog, Text: "{unit}: Failed with result '{value}'.", Cause: "fpm-down", role: roleStop},
	{Log: SystemdLog, Text: "{unit}: Main process exited, code={value}", role: roleStop},
	{Log: SystemdLog, Text: "Stopped {unit}", role: roleStop},
	{Log: SystemdLog, Text: "Stopping {unit}", role: roleStop},
	{Log: SystemdLog, Text: "Reloading {unit}", role: roleReload},
	{Log: SystemdLog, Text: "Reloaded {unit}", role: roleReady},
	{Log: SystemdLog, Text: "Started {unit}", role: roleReady},
}

// slowRecord is a record of a slow log.
var slowRecord = &Message{Log: SlowLog, Text: "[pool {name}] pid {pid}", Cause: "slow-script", role: roleTrace}

// allMessages lists the table.
func allMessages() []*Message { return append(slices.Clip(table), slowRecord) }
