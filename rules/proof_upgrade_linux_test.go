package rules_test

import (
	"strings"
	"testing"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// version is the tree of a PHP version, which has one pool.
func version(number, errorLog, socket string) string {
	tree := "etc/php/" + number + "/fpm"
	return strings.NewReplacer("php/php-fpm.conf", tree+"/php-fpm.conf", "php/pool.d", tree+"/pool.d", "php/fpm.pid", tree+"/fpm.pid", "error_log = @DIR@/fpm.log", "error_log = @DIR@/"+errorLog).
		Replace(live.Master("php", "", live.Pool("www", socket, "")))
}

// purged asks for a page when the older version is gone.
func purged(_ *testing.T, s *live.Server) (status int, body string) {
	s.End(s.Path("etc/php/8.2/fpm/php-fpm.conf"))
	return s.Get("bad.test", "/index.php")
}

func TestProofUpgrade(t *testing.T) {
	t.Parallel()
	prove(t, map[string]proof{
		"stale-php-version": {
			rule: "stale-php-version", severity: lint.Warning,
			archive: live.Site(live.PHPServer("bad.test", `unix:@DIR@/php8.2-fpm.sock; # want "stale-php-version: "`, "")) +
				version("8.2", "fpm.log", "php8.2-fpm.sock") + version("8.3", "fpm.log", "php8.3-fpm.sock"),
			ask: purged, broken: answer{status: 502}, cured: ok,
		},
		"pool-left-behind": {
			rule: "pool-left-behind", severity: lint.Warning,
			archive: live.Site(live.PHPServer("bad.test", "unix:@DIR@/shop.sock", "")) +
				version("8.2", "fpm.log", "php8.2-fpm.sock") + strings.Replace(live.Pool("shop", "shop.sock", ""), "shop.sock", `shop.sock ; want "pool-left-behind: "`, 1) + version("8.3", "fpm.log", "php8.3-fpm.sock"),
			ask: purged, broken: answer{status: 502}, cured: ok,
		},
		"pool-settings-lost": {
			rule: "pool-settings-lost", severity: lint.Warning,
			archive: live.Site(live.PHPServer("bad.test", "unix:@DIR@/php8.3-fpm.sock", someSeconds)) + work +
				strings.Replace(version("8.2", "fpm.log", "php8.2-fpm.sock"), two, strings.Replace(five, "5", `8 ; want "pool-settings-lost: "`, 1), 1) +
				strings.Replace(version("8.3", "fpm.log", "php8.3-fpm.sock"), two, five, 1),
			ask: whileFive("/work.php"), broken: answer{status: 504}, cured: ok,
		},
		"versioned-path": {
			rule: "versioned-path", severity: lint.Warning,
			archive: live.Site(live.PHPServer("bad.test", "unix:@DIR@/php8.3-fpm.sock", "")) +
				version("8.2", "fpm.log", "php8.2-fpm.sock") + version("8.3", `log/php8.2/fpm.log ; want "versioned-path: "`, "php8.3-fpm.sock") + "-- log/php8.3/old.log --\n",
			refused: true, cured: ok,
		},
	})
}

// TestProofTwoServices starts two masters with one socket, as the page of the rule on old services says.
func TestProofTwoServices(t *testing.T) {
	t.Parallel()
	s := live.Prepare(t, live.Site("")+version("8.2", "fpm.log", "www.sock")+version("8.3", "fpm.log", "www.sock"))
	out, err := s.TryAll()
	if err == nil {
		t.Error("the second PHP-FPM starts")
	}
	wantPageLines(t, s, rule(t, "old-service-enabled"), out, "")
}
