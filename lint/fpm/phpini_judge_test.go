package fpm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fpmlint/testdata/live"
)

// judgedNames are settings of PHP's core, whatever the build.
var judgedNames = []string{"memory_limit", "max_execution_time", "post_max_size", "upload_max_filesize", "error_prepend_string"}

// TestIniAgainstPHP gives php.ini and conf.d to php-fpm -i: the values that it prints are those
// read here.
func TestIniAgainstPHP(t *testing.T) {
	binary := live.FPM(t)
	cases := []string{
		"",
		"memory_limit = 77M\nmax_execution_time=44;x\n",
		"memory_limit = 77M\nmemory_limit = 78M\n",
		"Memory_Limit = 77M\nMEMORY_LIMIT=21M\n",
		"[PATH=/x]\nmemory_limit=77M\n[PHP]\nmax_execution_time=44\n",
		"[HOST=x.y]\nmemory_limit=77M\n[PHP]\nmax_execution_time=44\n",
		"[path = /x]\nmemory_limit=77M\n",
		"[PATHinfo]\nmemory_limit=77M\n",
		"[PATH]\nmemory_limit=77M\n",
		"[HOST]\nmemory_limit=77M\n[x]\npost_max_size=1M\n",
		"memory_limit=77M\nfoo(bar)\nmax_execution_time=44\n",
		"# memory_limit=77M\nmax_execution_time=44\n",
		"memory_limit=77M\n# some (words)\nmax_execution_time=44\n",
		"# don't\nmax_execution_time=44\n",
		"post_max_size = \"8M\nmemory_limit = 77M\nx\"\nmax_execution_time=44\n",
		"error_prepend_string = \"a \\\" b\nmemory_limit = 77M\n\" \nmax_execution_time=44\n",
		"post_max_size = \"8M\nmemory_limit = 77M\n",
		"memory_limit = 64M 32M\npost_max_size=none\nupload_max_filesize=null\n",
		"memory_limit\nmax_execution_time =\n",
		"memory_limit=77M\r\nmax_execution_time=44\r\n",
		"\xef\xbb\xbfmemory_limit = 99M\n",
		"memory_limit=77M\n[PHP\nmax_execution_time=44\n",
		"[PHP] memory_limit=77M\n",
		"  memory_limit  =  77M  \n\tmax_execution_time\t=\t44\t; x\n",
		"memory_limit = '77M'\nmax_execution_time = \"44\"\n",
		"error_prepend_string = a'b\n; it's\nmemory_limit=77M\n",
		"memory_limit=77M",
		"a[] = 1\na[b] = 2\nmemory_limit=77M\n",
		"a.b-c = 1\nmem ory = 2\nmemory_limit=77M\n",
		"post_max_size = 7M;b\nerror_prepend_string=\"77M;7\"\n",
	}
	lines := []string{
		"memory_limit = 21M", "memory_limit=\"22M\"", " memory_limit = 23M ; x", "max_execution_time = 5", "max_execution_time=6;",
		"post_max_size = 7M", "upload_max_filesize = '8M'", "[PHP]", "[Date]", "[PATH=/srv]", "[HOST=a.example]", "; memory_limit = 29M",
		"# max_execution_time = 10", "upload_max_filesize", "foo = bar", "", "foo(bar)", "post_max_size = \"11M", "\"",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		var b strings.Builder
		for range 2 + random.IntN(8) {
			b.WriteString(lines[random.IntN(len(lines))] + "\n")
		}
		cases = append(cases, b.String())
	}
	for i, text := range cases {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			compareIni(t, binary, map[string]string{"etc/php.ini": text})
		})
	}
	for name, files := range map[string]map[string]string{
		"order":   {"etc/php.ini": "memory_limit=21M\n", "etc/conf.d/20-b.ini": "memory_limit=22M\n", "etc/conf.d/10-a.ini": "memory_limit=23M\nmax_execution_time=4\n", "etc/conf.d/9-c.ini": "max_execution_time=5\n"},
		"hidden":  {"etc/conf.d/.a.ini": "memory_limit=22M\n"},
		"names":   {"etc/conf.d/a.conf": "memory_limit=22M\n", "etc/conf.d/b.INI": "memory_limit=23M\n", "etc/conf.d/c.ini.bak": "memory_limit=24M\n", "etc/conf.d/d.ini/x": ""},
		"alone":   {"etc/conf.d/.ini": "memory_limit=22M\n"},
		"limits":  {"etc/php.ini": "[PATH=/x]\n", "etc/conf.d/a.ini": "memory_limit=22M\n"},
		"faulty":  {"etc/php.ini": "memory_limit=21M\nfoo(\n", "etc/conf.d/a.ini": "max_execution_time=4\nfoo(\nmemory_limit=22M\n", "etc/conf.d/b.ini": "post_max_size=3M\n"},
		"link":    {"etc/conf.d/a.ini": "-> ../available.ini", "etc/available.ini": "memory_limit=22M\n", "etc/conf.d/b.ini": "-> ../none.ini"},
		"capital": {"etc/conf.d/Z.ini": "memory_limit=22M\n", "etc/conf.d/a.ini": "memory_limit=23M\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareIni(t, binary, files)
		})
	}
}

// openQuote finds a string that goes over several lines.
var openQuote = regexp.MustCompile(`(?m)^("|[^"\n]*"[^"\n]*)$`)

func compareIni(t *testing.T, binary string, files map[string]string) {
	t.Helper()
	all := map[string]string{"etc/fpm.conf": poolText, "bin/sh": ""}
	for name, content := range files {
		all[name] = content
	}
	root := treeOf(t, all)
	cmd := exec.Command(binary, "-i", "-c", root.Name+"/etc")
	cmd.Env = append(os.Environ(), "PHP_INI_SCAN_DIR="+root.Name+"/etc/conf.d")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s -i: %v", binary, err)
	}
	m, err := Load(root, "/etc/fpm.conf", Options{Version: "8.2", IniFile: "/etc/php.ini", IniDir: "/etc/conf.d"})
	if err != nil {
		t.Fatal(err)
	}
	// A value may go over several lines; what stands before the setting that follows is enough.
	printed := map[string]string{}
	for l := range strings.Lines(string(out)) {
		name, rest, ok := strings.Cut(strings.TrimSuffix(l, "\n"), " => ")
		if !ok || !slices.Contains(judgedNames, name) {
			continue
		}
		value, _, whole := strings.Cut(rest, " => ")
		if value == "no value" {
			value = ""
		}
		if whole {
			printed[name] = value
		}
	}
	compared := 0
	for _, name := range judgedNames {
		want, ok := printed[name]
		if !ok {
			continue
		}
		s := m.Pools[0].Ini(name)
		if strings.Contains(s.Unknown, "several lines") {
			continue
		}
		compared++
		if s.Text != want || s.Unknown != "" {
			t.Errorf("%s = %q (unknown: %q), PHP says %q\n%v", name, s.Text, s.Unknown, want, files)
		}
	}
	if len(printed) < len(judgedNames)-1 {
		t.Errorf("PHP printed only %v", printed)
	}
	if text := strings.Join(slices.Collect(maps.Values(files)), ""); compared == 0 && !openQuote.MatchString(text) {
		t.Errorf("nothing is known of %v", files)
	}
}

// TestPoolIniAgainstFPM asks a running pool for what is in effect in it.
func TestPoolIniAgainstFPM(t *testing.T) {
	program := live.FPM(t)
	const lines = `php_value[memory_limit] = 41M
php_value[memory_limit] = 42M
php_value[max_execution_time] = 51
php_admin_value[max_execution_time] = 52
php_admin_value[max_execution_time] = 53
php_value[max_execution_time] = 54
php_flag[html_errors] = off
php_value[html_errors] = 1
php_value[Post_Max_Size] = 1M
php_value[error_prepend_string] = "for $pool"
`
	root := treeOf(t, map[string]string{
		"bin/sh": "", "php.ini": "post_max_size = 61M\nmemory_limit = 62M\nupload_max_filesize = 63M\n",
		"conf.d/a.ini": "upload_max_filesize = 64M\n",
		"show.php":     `<?php foreach (["memory_limit", "max_execution_time", "html_errors", "post_max_size", "upload_max_filesize", "error_prepend_string"] as $n) { echo $n, "=", ini_get($n), "\n"; }`,
	})
	socket := filepath.Join(root.Name, "s")
	text := fmt.Sprintf("[global]\nerror_log = %s/log\n[www]\nlisten = %s\npm = static\npm.max_children = 1\n", root.Name, socket)
	if os.Getuid() == 0 {
		text += "user = root\ngroup = root\n"
	}
	if err := os.WriteFile(root.Name+"/fpm.conf", []byte(text+lines), 0o644); err != nil {
		t.Fatal(err)
	}
	master := exec.Command(program, "-F", "-R", "-c", root.Name, "-y", root.Name+"/fpm.conf")
	master.Env = append(os.Environ(), "PHP_INI_SCAN_DIR="+root.Name+"/conf.d")
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = master.Process.Signal(syscall.SIGTERM) // a killed master would leave its worker behind
		_ = master.Wait()
	})
	body := request(t, socket, root.Name+"/show.php")
	m, err := Load(root, "/fpm.conf", Options{Version: "8.2", IniFile: "/php.ini", IniDir: "/conf.d"})
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for l := range strings.Lines(body) {
		name, want, ok := strings.Cut(strings.TrimSpace(l), "=")
		if !ok {
			continue
		}
		compared++
		got := m.Pools[0].Ini(name).Text
		if on, isBool := parseBool(got); name == "html_errors" && isBool {
			got = map[bool]string{true: "1", false: "0"}[on]
		}
		if got != want {
			t.Errorf("%s = %q, the pool says %q", name, got, want)
		}
	}
	if compared != 6 {
		t.Errorf("the pool answered %q", body)
	}
}

// request sends one FastCGI request as nginx does and returns what the script prints.
func request(t *testing.T, socket, script string) string {
	t.Helper()
	var conn net.Conn
	for range 600 {
		var err error
		if conn, err = net.Dial("unix", socket); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if conn == nil {
		t.Fatal("the pool does not accept connections")
	}
	defer conn.Close() //nolint:errcheck // only read
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	const begin, params, stdin, stdout = 1, 4, 5, 6
	var out bytes.Buffer
	record := func(kind byte, content []byte) {
		out.Write([]byte{1, kind, 0, 1, byte(len(content) >> 8), byte(len(content)), 0, 0})
		out.Write(content)
	}
	record(begin, []byte{0, 1, 0, 0, 0, 0, 0, 0})
	var pairs []byte
	for _, p := range [][2]string{{"SCRIPT_FILENAME", script}, {"REQUEST_METHOD", "GET"}, {"SCRIPT_NAME", "/show.php"}} {
		pairs = append(pairs, byte(len(p[0])), 0x80, 0, 0, byte(len(p[1])))
		pairs = append(pairs, p[0]+p[1]...)
	}
	record(params, pairs)
	record(params, nil)
	record(stdin, nil)
	if _, err := conn.Write(out.Bytes()); err != nil {
		t.Fatal(err)
	}
	var answer []byte
	for {
		var head [8]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			break
		}
		content := make([]byte, int(binary.BigEndian.Uint16(head[4:]))+int(head[6]))
		if _, err := io.ReadFull(conn, content); err != nil {
			t.Fatal(err)
		}
		if head[1] == stdout {
			answer = append(answer, content[:len(content)-int(head[6])]...)
		}
	}
	_, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	return string(body)
}
