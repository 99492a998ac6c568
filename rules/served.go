package rules

import (
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

// settingSpan is where a finding about a pool's setting stands: at the setting, or at the pool's
// header where it is not set.
func settingSpan(pool *fpm.Pool, s fpm.Setting) source.Span {
	if s.Span.IsZero() {
		return pool.Header
	}
	return s.Span
}

// editablePool says whether a pool's settings can be edited: the files in which the pool is opened
// and in which the settings stand are no other program's.
func editablePool(pool *fpm.Pool, settings ...fpm.Setting) bool {
	ok := editable(pool.Header.File)
	for _, s := range settings {
		ok = ok && (s.Span.IsZero() || editable(s.Span.File))
	}
	return ok
}
