package nginx

import "testing"

// TestDetect tells nginx's blocks from those of other programs' configurations.
func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Kind
	}{
		{"main file", "events {}\nhttp { server { listen 80; } }\n", KindEntry},
		{"site", "server {\n  server_name a;\n}\n", KindHTTP},
		{"upstream", "upstream php { server 127.0.0.1:9000; }\n", KindHTTP},
		{"upstream without servers", "upstream php {}\n", KindHTTP},
		{"locations", "location / { try_files $uri =404; }\n", KindServer},
		{"rspamd's upstream", "upstream \"local\" {\n  name = \"localhost\";\n  hosts = \"rspamd:11333\"\n}\n", KindNone},
		{"a server of another language", "server {\n  port = 80;\n}\n", KindNone},
		{"Vagrant", "Vagrant.configure(\"2\") do |config|\nend\n", KindNone},
	} {
		if got := Detect([]byte(c.text)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
