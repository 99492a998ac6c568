package compose

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint/source"
)

func read(t *testing.T, text string) *Project {
	t.Helper()
	p, err := Read(source.NewFile("/deploy/compose.yaml", []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRead takes every form in which the keys that matter are written.
func TestRead(t *testing.T) {
	p := read(t, `
x-base: &base
  restart: always
  networks: [front]
  volumes: &shared
    - run:/run/php
networks:
  edge: {external: true}
  inner: {external: false}
configs:
  site:
    file: ./nginx/site.conf
services:
  web:
    <<: *base
    image: nginx:alpine
    container_name: shop-web
    networks:
      front:
        aliases: [www]
      edge:
    volumes:
      - ./nginx/conf.d:/etc/nginx/conf.d:ro
      - type: bind
        source: ../static
        target: /srv/shared
      - ${DATA:-./data}:/data
      - /var/cache
    configs:
      - source: site
        target: /etc/nginx/conf.d/site.conf
    extra_hosts: ["db:10.0.0.1"]
  "php":
    <<: [*base]
    build:
      context: ./php
      dockerfile: fpm.Dockerfile
    command: php-fpm -F
  job: {build: ./job, network_mode: "service:php", volumes: *shared, extends: {service: php}}
`)
	if !p.External["edge"] || p.External["inner"] || p.Unknown != "" {
		t.Errorf("%+v", p)
	}
	var names []string
	for _, s := range p.Ordered {
		names = append(names, s.Span.Text())
	}
	if diff := cmp.Diff([]string{"web", "php", "job"}, names); diff != "" {
		t.Error(diff)
	}
	web := p.Services["web"]
	if diff := cmp.Diff([]Mount{
		{Source: "/deploy/nginx/conf.d", Volume: "/deploy/nginx/conf.d", Target: "/etc/nginx/conf.d"},
		{Source: "/static", Volume: "/static", Target: "/srv/shared"},
		{Volume: "${DATA:-./data}", Target: "/data", Unknown: true},
		{Target: "/var/cache"},
		{Source: "/deploy/nginx/site.conf", Target: "/etc/nginx/conf.d/site.conf"},
	}, web.Mounts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"front", "edge"}, web.Networks); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"web", "WWW", "shop-web"} {
		if !web.Answers(name) {
			t.Errorf("web does not answer to %s", name)
		}
	}
	if web.Answers("php") || !cmp.Equal(web.Own, []string{"db"}) {
		t.Errorf("%+v", web)
	}
	php, job := p.Services["php"], p.Services["job"]
	if *php.Build != (Build{Context: "./php", Dockerfile: "fpm.Dockerfile"}) || !php.Command || php.Mounts[0].Volume != "run" {
		t.Errorf("%+v", php)
	}
	if job.NetworkMode != "service:php" || job.Unknown != "extends" || job.Mounts[0].Target != "/run/php" || job.Build.Context != "./job" {
		t.Errorf("%+v", job)
	}
	if got := web.In("/deploy/nginx/conf.d/a.conf"); got != "/etc/nginx/conf.d/a.conf" {
		t.Error(got)
	}
	if got := web.In("/deploy/nginx/conf.d2/a.conf"); got != "" {
		t.Error(got)
	}
}

// TestImage reads what a build puts into an image, and what it may change there.
func TestImage(t *testing.T) {
	for _, c := range []struct{ name, dockerfile, base, unknown, target string }{
		{"plain", "FROM php:8.3-fpm\nRUN docker-php-ext-install opcache\nCOPY www.conf /usr/local/etc/php-fpm.d/zz-www.conf\n", "php:8.3-fpm", "", "/usr/local/etc/php-fpm.d/zz-www.conf"},
		{"stages", "FROM php:8.3-fpm AS base\nCOPY *.conf /usr/local/etc/php-fpm.d/\nFROM node AS assets\nFROM base\nCMD [\"php-fpm\"]\n", "php:8.3-fpm", "", "/usr/local/etc/php-fpm.d/www.conf"},
		{"directory", "FROM php:8.3-fpm\nCOPY . /etc/app\n", "php:8.3-fpm", "", "/etc/app/www.conf"},
		{"sed", "FROM php:8.3-fpm\nRUN sed -i 's/9000/9001/' /usr/local/etc/php-fpm.d/zz-docker.conf\n", "php:8.3-fpm", "/php/Dockerfile", ""},
		{"entrypoint", "FROM php:8.3-fpm\nENTRYPOINT [\"/start\"]\n", "php:8.3-fpm", "/php/Dockerfile", ""},
		{"command", "FROM php:8.3-fpm\nCMD [\"php-fpm\", \"-y\", \"/x.conf\"]\n", "php:8.3-fpm", "/php/Dockerfile", ""},
		{"all in one", "FROM nginx:alpine\nRUN apk add --no-cache php83-fpm\n", "nginx:alpine", "/php/Dockerfile", ""},
		{"other stage's files", "FROM a AS x\nFROM php:8.3-fpm\nCOPY --from=x /etc/ /usr/local/etc/\n", "php:8.3-fpm", "/php/Dockerfile", ""},
		{"other stage's files, in the working directory", "FROM a AS x\nFROM php:8.3-fpm\nCOPY --from=x /app .\n", "php:8.3-fpm", "", ""},
		{"working directory", "FROM php:8.3-fpm\nWORKDIR /usr/local\nWORKDIR etc\nCOPY . .\n", "php:8.3-fpm", "", "/usr/local/etc/www.conf"},
		{"the image's working directory", "FROM php:8.3-fpm\nCOPY . .\n", "php:8.3-fpm", "", "/var/www/html/www.conf"},
		{"all of the repository, too", "FROM php:8.3-fpm\nCOPY www.conf /usr/local/etc/php-fpm.d/\nCOPY . .\n", "php:8.3-fpm", "", "/usr/local/etc/php-fpm.d/www.conf"},
		{"of another image", "FROM alpine\nCOPY . .\n", "alpine", "/php/Dockerfile", ""},
		{"in a variable", "FROM php:8.3-fpm\nWORKDIR $HOME\nCOPY . .\n", "php:8.3-fpm", "/php/Dockerfile", ""},
		{"of an outer stage", "FROM php:8.3-fpm AS a\nWORKDIR /usr/local/etc/php-fpm.d\nCOPY *.conf /a/\nFROM a\nCOPY *.conf ./\n", "php:8.3-fpm", "", "/usr/local/etc/php-fpm.d/www.conf"},
		{"PHP_INI_DIR", "FROM php:8.3-fpm\nCOPY www.conf $PHP_INI_DIR/conf.d/\n", "php:8.3-fpm", "", "/usr/local/etc/php/conf.d/www.conf"},
		{"PHP_INI_DIR in braces", "FROM php:8.3-fpm\nCOPY www.conf ${PHP_INI_DIR}/../php-fpm.d/x.conf\n", "php:8.3-fpm", "", "/usr/local/etc/php-fpm.d/x.conf"},
		{"PHP_INI_DIR alone", "FROM php:8.3-fpm\nCOPY www.conf $PHP_INI_DIR\n", "php:8.3-fpm", "", "/usr/local/etc/php/www.conf"},
		{"a directory of the image", "FROM php:8.3-fpm\nCOPY www.conf /usr/local/etc/php-fpm.d\n", "php:8.3-fpm", "", "/usr/local/etc/php-fpm.d/www.conf"},
		{"PHP_INI_DIR of another image", "FROM example/php\nCOPY www.conf $PHP_INI_DIR/conf.d/\n", "example/php", "/php/Dockerfile", ""},
		{"written here", "FROM php:8.3-fpm\nCOPY <<EOF /usr/local/etc/php-fpm.d/x.conf\n[www]\nlisten = 9001\nEOF\n", "php:8.3-fpm", "/php/Dockerfile", ""},
		{"whole paths", "FROM php:8.3-fpm\nCOPY --parents etc/x.conf /usr/local/\n", "php:8.3-fpm", "/php/Dockerfile", ""},
		{"owner", "from php:8.3-fpm as run\ncopy --chown=www-data --link www.conf /usr/local/etc/php-fpm.d/\n", "php:8.3-fpm", "", "/usr/local/etc/php-fpm.d/www.conf"},
		{"archive", "FROM php:8.3-fpm\nADD conf.tar.gz /usr/local/etc/\n", "php:8.3-fpm", "/php/Dockerfile", ""},
		{"fetched", "FROM php:8.3-fpm\nADD https://example.com/www.conf /usr/local/etc/php-fpm.d/\n", "php:8.3-fpm", "/php/Dockerfile", ""},
		{"heredoc", "FROM php:8.3-fpm\nRUN <<EOF\necho\nEOF\n", "php:8.3-fpm", "/php/Dockerfile", ""},
		{"before FROM", "ARG V=8.3\nFROM php:${V}-fpm\n", "php:${V}-fpm", "", ""},
		{"nothing before FROM", "RUN true\nFROM php:8.3-fpm\n", "", "/php/Dockerfile", ""},
		{"broken", "FRM x\n", "", "/php/Dockerfile", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := source.Memory("-", map[string]string{"/php/Dockerfile": c.dockerfile})
			p, err := Read(source.NewFile("/compose.yaml", []byte("services: {php: {build: php}}")))
			if err != nil {
				t.Fatal(err)
			}
			i := p.Services["php"].ImageIn(root)
			if i.Base != c.base || i.Unknown != c.unknown || i.In("/php/www.conf") != c.target {
				t.Errorf("base %q, unknown %q, target %q", i.Base, i.Unknown, i.In("/php/www.conf"))
			}
		})
	}
}

// TestBombs must end at once, in an error or in what is there.
func TestBombs(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x]\n")
	for i := range 30 {
		laughs.WriteString("a" + string(rune('A'+i)) + ": &b" + string(rune('A'+i)) + " {<<: [*b" + string(rune('A'+i)) + ", *b" + string(rune('A'+i)) + "]}\n")
	}
	list := "x: &v\n" + strings.Repeat("  - a:/b\n", 20_000) + "services:\n"
	for i := range 5_000 {
		list += "  s" + strings.Repeat("i", i%7) + string(rune('a'+i%26)) + ": {volumes: *v}\n"
	}
	for name, text := range map[string]string{
		"circle":   "a: &a *b\nb: &b *a\nservices: *a\n",
		"itself":   "services: &s\n  x: *s\n  y: {<<: *s, volumes: *s}\n",
		"laughs":   laughs.String() + "services: *bA\n",
		"list":     list,
		"brackets": strings.Repeat("[", 100_000),
		"large":    "#" + strings.Repeat("\n#", maxSize),
		"scalar":   "services: 5\n",
		"null":     "services:\n  php:\n",
		"no YAML":  "\tservices: {",
	} {
		p, err := Read(source.NewFile("/compose.yaml", []byte(text)))
		if err == nil && p == nil {
			t.Errorf("%s: nothing and no error", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("services:\n  web: &w {image: nginx, volumes: [./a:/b]}\n  x: {<<: *w, networks: {n: {aliases: [y]}}}\nconfigs: {c: {file: d}}\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		p, err := Read(source.NewFile("/compose.yaml", data))
		if err != nil {
			return
		}
		for _, s := range p.Ordered {
			s.In("/x")
			_ = s.Span.Text()
			s.ImageIn(source.Memory("-", map[string]string{"/Dockerfile": string(data)}))
		}
	})
}
