// Package tree writes a large configuration to measure with.
package tree

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Write makes a root in dir with sites of some 40 lines, each with its hand-off, and pools.
// nginx -t accepts its nginx.conf where it is, with the prefix dir.
func Write(dir string, sites, pools int) error {
	files := map[string]string{
		"etc/nginx/nginx.conf":         "user www-data;\npid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\n    access_log off;\n    server_names_hash_max_size 262144;\n    include sites-enabled/*;\n}\n",
		"etc/nginx/fastcgi_params":     "fastcgi_param REQUEST_METHOD $request_method;\n" + strings.Repeat("fastcgi_param QUERY_STRING $query_string;\n", 17),
		"etc/php/8.2/fpm/php-fpm.conf": "[global]\nemergency_restart_threshold = 10\nemergency_restart_interval = 1m\ninclude=" + dir + "/etc/php/8.2/fpm/pool.d/*.conf\n",
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

// Encrypt gives the site of a tree that has one its certificate, as most servers have: an ECDSA key, which
// nginx -t loads too.
func Encrypt(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"site0.example.com"}, NotBefore: now, NotAfter: now.Add(24 * time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, "etc/nginx/sites-enabled/site00000")
	plain, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "etc/nginx/site.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o644),
		os.WriteFile(filepath.Join(dir, "etc/nginx/site.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
		os.WriteFile(name, bytes.Replace(plain, []byte("8080;"), []byte("8443 ssl;\n    ssl_certificate site.crt;\n    ssl_certificate_key site.key;"), 1), 0o644),
	)
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
