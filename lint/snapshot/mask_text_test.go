package snapshot

import "testing"

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		`invalid port in upstream "admin:Tr0ub4dor@10.0.0.1": nginx does not start`: `invalid port in upstream "admin:MASKED@10.0.0.1": nginx does not start`,
		`no pool listens on admin:a/b@c@db.internal:9000`:                           `no pool listens on admin:MASKED@db.internal:9000`,
		`proxy_pass http://admin:Tr0ub4dor@10.0.0.1/ leads nowhere`:                 `proxy_pass http://admin:MASKED@10.0.0.1/ leads nowhere`,
		`no pool listens on unix:/opt/homebrew/var/run/php@8.2-fpm.sock`:            `no pool listens on unix:/opt/homebrew/var/run/php@8.2-fpm.sock`,
		`error_page 502 = @down: the page is made by 127.0.0.1:9000`:                `error_page 502 = @down: the page is made by 127.0.0.1:9000`,
		`env[DB_PASSWORD] = Tr0ub4dor is set twice`:                                 `env[DB_PASSWORD] = MASKED`,
	} {
		if got := Text(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
