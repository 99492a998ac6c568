package rules_test

import (
	"context"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fpmlint/lint"
	"fpmlint/lint/fastcgi"
	"fpmlint/testdata/live"
)

// stranger connects to the pool's socket as the user nobody.
func stranger(t *testing.T, s *live.Server) (status int, end string) {
	t.Helper()
	done := make(chan string)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its user
		const nobody = 65534
		var err error
		for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS}, {unix.SYS_SETRESGID, nobody, nobody, nobody}, {unix.SYS_SETRESUID, nobody, nobody, nobody}} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				err = errno
			}
		}
		fd := -1
		if err == nil {
			fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		}
		if err != nil {
			done <- err.Error()
			return
		}
		defer unix.Close(fd) //nolint:errcheck // nothing was written
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: s.Path("a.sock")}); err != nil {
			done <- err.Error()
			return
		}
		done <- "let in"
	}()
	end = <-done
	status, _ = s.Get("bad.test", "/index.php")
	return status, end
}

// neighbour has a pool run a script, over another address than nginx's.
func neighbour(port string) func(*testing.T, *live.Server) (int, string) {
	return func(t *testing.T, s *live.Server) (int, string) {
		t.Helper()
		if status, body := s.Get("bad.test", "/index.php"); status != 200 {
			t.Errorf("nginx gets %d %q", status, body)
		}
		conn, err := net.Dial("tcp", "127.0.0.2:"+port)
		if err != nil {
			return 0, "refused"
		}
		defer conn.Close() //nolint:errcheck // nothing is sent any more
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, _, body, _, err := fastcgi.Ask(ctx, conn, map[string]string{"REQUEST_METHOD": "GET", "SCRIPT_FILENAME": s.Path("www/index.php"), "PHP_VALUE": "auto_prepend_file=" + s.Path("www/index.php")})
		if err != nil {
			t.Error(err)
		}
		return 200, string(body)
	}
}

// watched asks what a pool does, while it does something: for the query of a running request.
func watched(t *testing.T, s *live.Server) (status int, running string) {
	t.Helper()
	status, body := crowd(1, "/wait.php?700", "/fpm-status?full")(t, s)
	if status == 200 && strings.Contains(body, "?700") {
		return status, "/wait.php?700"
	}
	return status, body
}

// untold asks a pool that refuses, and says what nginx's log has of it.
func untold(t *testing.T, s *live.Server) (status int, log string) {
	t.Helper()
	status, _ = dead(t, s)
	if strings.Contains(s.Read("error.log"), "(111: Connection refused)") {
		return status, "told"
	}
	return status, "untold"
}

func TestProofExposure(t *testing.T) {
	ports := live.Ports(t, 2)
	port := ports[0]
	prove(t, map[string]proof{
		"socket-world-writable": {
			rule: "socket-world-writable", severity: lint.Warning, silent: true,
			archive: site("", `listen.mode = 0666 ; want "socket-world-writable: "`),
			ask:     stranger, broken: answer{200, "let in"}, cured: answer{200, "permission denied"},
		},
		"fpm-exposed": {
			rule: "fpm-exposed", silent: true,
			archive: live.Site(live.PHPServer("bad.test", "127.0.0.1:"+port, "")) +
				live.Master("php", "", live.Pool("www", "a.sock", "listen = "+port+` ; want "fpm-exposed: "`)),
			ask: neighbour(port), broken: answer{200, "okok"}, cured: answer{0, "refused"},
		},
		"internal-paths-public": {
			rule: "internal-paths-public", severity: lint.Warning, silent: true,
			archive: strings.Replace(site("", "pm.status_path = /fpm-status"), "        location", "        listen "+ports[1]+`;
        location = /fpm-status { # want "internal-paths-public: "
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param SCRIPT_NAME $fastcgi_script_name;
            fastcgi_param SCRIPT_FILENAME $fastcgi_script_name;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_pass unix:@DIR@/a.sock;
        }
        location`, 1),
			ask: watched, broken: answer{200, "/wait.php?700"}, cured: answer{status: 403},
		},
		"pool-runs-as-root": {
			rule: "pool-runs-as-root", archive: site("", `user = root ; want "pool-runs-as-root: "`),
			refused: true, cured: ok, hand: [3]string{"php/pool.d/www.conf", "user = root", "user = www-data"},
		},
	})
}

func TestProofObservability(t *testing.T) {
	prove(t, map[string]proof{
		"error-log-level": {
			rule: "error-log-level", severity: lint.Warning, silent: true,
			archive: strings.Replace(site("", ""), "error.log info;", `error.log crit; # want "error-log-level: "`, 1),
			ask:     untold, broken: answer{502, "untold"}, cured: answer{502, "told"},
		},
		"slowlog": {
			rule: "slowlog", severity: lint.Info, late: true,
			archive: strings.Replace(site("", ""), "[www]", `[www] ; want "slowlog: "`, 1),
			option:  [2]string{"timeout", "1s"},
			ask:     get("/wait.php?2500"), broken: ok, cured: ok,
		},
	})
}
