package rules

import (
	"slices"

	"fpmlint/lint/fpm"
)

// packaged are the values that a distribution's own www.conf has, besides FPM's defaults: Debian and
// Ubuntu; RHEL, Fedora and Remi; Alpine; FreeBSD; the php image and the default of PHP's sources.
var packaged = map[string]map[string][]string{
	"debian":  owned("www-data", "www-data"),
	"rhel":    fedora,
	"remi":    fedora,
	"alpine":  owned("nobody", "nobody", "nogroup"),
	"freebsd": owned("www", "www"),
	"docker":  owned("www-data", "www-data"),
	"other":   owned("nobody", "nobody", "www-data", "apache", "nginx", "www"),
}

// fedora's pool starts fifty workers, and lets its sockets be used by an access list.
var fedora = map[string][]string{
	"user": {"apache", "nginx"}, "group": {"apache", "nginx"},
	"listen.owner": {"nobody", "apache", "nginx"}, "listen.group": {"nobody", "apache", "nginx"}, "listen.mode": {"0660"},
	"listen.acl_users": {"apache,nginx", "apache"}, "listen.allowed_clients": {"127.0.0.1"},
	"pm": {"dynamic"}, "pm.max_children": {"50"}, "pm.start_servers": {"5"}, "pm.min_spare_servers": {"5"}, "pm.max_spare_servers": {"35"},
}

// owned is the pool of PHP's sources (www.conf.in) with a distribution's users.
func owned(user string, groups ...string) map[string][]string {
	owners := append([]string{user, "root"}, groups...)
	return map[string][]string{
		"user": append([]string{user}, groups[1:]...), "group": groups, "listen.owner": owners, "listen.group": owners, "listen.mode": {"0660"},
		"pm": {"dynamic"}, "pm.max_children": {"5"}, "pm.start_servers": {"2"}, "pm.min_spare_servers": {"1"}, "pm.max_spare_servers": {"3"},
	}
}

// isPackaged says whether a distribution gives its pool a value.
func isPackaged(m *fpm.Master, key, value string) bool {
	values := packaged[m.Family]
	if values == nil {
		values = packaged["other"]
	}
	return slices.Contains(values[key], value)
}
