package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPoolMemory(t *testing.T) {
	f := &Facts{Workers: []Worker{
		{Pool: "www", Conf: "/etc/php/8.2/fpm/php-fpm.conf", PID: 1, Memory: 30, Proportional: true},
		{Pool: "www", Conf: "/etc/php/8.2/fpm/php-fpm.conf", PID: 2, Memory: 50, Proportional: true},
		{Pool: "www", Conf: "/etc/php/8.3/fpm/php-fpm.conf", PID: 3, Memory: 500},
		{Pool: "shop", Conf: "/etc/php/8.2/fpm/php-fpm.conf", PID: 4, Memory: 20, Proportional: true},
	}}
	for _, c := range []struct {
		conf, pool string
		want       WorkerMemory
		ok         bool
	}{
		{"/etc/php/8.2/fpm/php-fpm.conf", "www", WorkerMemory{2, 40, 50, true}, true},
		{"/etc/php/8.3/fpm/php-fpm.conf", "www", WorkerMemory{1, 500, 500, false}, true},
		{"/etc/php/8.2/fpm/php-fpm.conf", "shop", WorkerMemory{1, 20, 20, true}, true},
		{"/etc/php/8.3/fpm/php-fpm.conf", "shop", WorkerMemory{}, false},
		{"", "www", WorkerMemory{}, false},
	} {
		got, ok := f.PoolMemory(c.conf, c.pool)
		if diff := cmp.Diff(c.want, got); diff != "" || ok != c.ok {
			t.Errorf("%s, pool %s: %v %s", c.conf, c.pool, ok, diff)
		}
	}
}
