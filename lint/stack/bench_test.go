package stack_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fpmlint/lint"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

// BenchmarkLint loads and lints a root of many sites, each with its hand-off, and many pools.
// testdata/bench/compare runs the whole process beside nginx -t.
func BenchmarkLint(b *testing.B) {
	for _, sites := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("%d sites", sites), func(b *testing.B) {
			dir := b.TempDir()
			if err := generate(dir, sites, sites/20); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				stacks, err := stack.Load(context.Background(), stack.Options{Root: dir})
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

// generate writes a root with sites of some 40 lines and pools.
func generate(dir string, sites, pools int) error {
	files := map[string]string{
		"etc/nginx/nginx.conf":         "user www-data;\nevents {}\nhttp {\n    include sites-enabled/*;\n}\n",
		"etc/nginx/fastcgi_params":     "fastcgi_param REQUEST_METHOD $request_method;\n" + strings.Repeat("fastcgi_param QUERY_STRING $query_string;\n", 17),
		"etc/php/8.2/fpm/php-fpm.conf": "[global]\nemergency_restart_threshold = 10\nemergency_restart_interval = 1m\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
	}
	for i := range sites {
		files[fmt.Sprintf("etc/nginx/sites-enabled/site%05d", i)] = fmt.Sprintf(site, i, i, i, i, i%pools)
	}
	for i := range pools {
		files[fmt.Sprintf("etc/php/8.2/fpm/pool.d/pool%04d.conf", i)] = fmt.Sprintf(pool, i)
	}
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const site = `# site %d
server {
    listen 127.0.0.1:8080;
    server_name site%d.example.com www.site%d.example.com;
    root /srv/www/site%d/public;
    index index.php index.html;
    client_max_body_size 32m;

    add_header X-Frame-Options SAMEORIGIN;
    add_header X-Content-Type-Options nosniff;

    # files that PHP has no part in
    location ~* \.(css|js|png|jpg|jpeg|gif|svg|woff2)$ {
        expires 30d;
        access_log off;
        try_files $uri =404;
    }

    location / {
        try_files $uri $uri/ /index.php?$args;
    }

    location ~ /\.(?!well-known) {
        deny all;
    }

    location ~ \.php$ {
        try_files $uri =404;
        fastcgi_index index.php;
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
        fastcgi_buffer_size 32k;
        fastcgi_buffers 16 16k;
        fastcgi_read_timeout 60s;
        fastcgi_pass unix:/run/php/pool%d.sock;
    }

    error_page 404 /404.html;
    error_page 500 502 503 504 /50x.html;
}
`

const pool = `[pool%d]
user = www-data
listen = /run/php/$pool.sock
listen.owner = www-data
listen.group = www-data
pm = ondemand
pm.max_children = 5
request_terminate_timeout = 60s
`
