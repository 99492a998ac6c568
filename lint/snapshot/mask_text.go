package snapshot

import (
	"slices"
	"strings"

	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

var (
	// quotedSetting is a setting that a sentence quotes: its name, in one of three forms, and what
	// comes before its value.
	quotedSetting = lazy.Regexp(`(?i)\b(env|php_(?:admin_)?(?:value|flag))\[["']?([^\]"']*)["']?\]\s*(?:=|is)\s+` +
		`|\b(?:fastcgi|uwsgi|scgi)_param\s+["']?((?-i:[A-Z][A-Z0-9_]*))["']?\s+|(?:^|\s)([a-z][a-z0-9_.]*)\s+(?:=|is)\s+`)
	// quotedWord is a word at which a daemon stops.
	quotedWord = lazy.Regexp(`unexpected "([^"]*)"`)
	// quotedLogin is a password before a host, where a sentence names an address without its scheme.
	quotedLogin = lazy.Regexp(`(?:^|[\s"'(=])[^\s:/@"'(=]+:([^\s/"'][^\s"']*)@`)
)

// Text masks a sentence that quotes a configuration, such as a finding's message. What follows the
// name of a setting with a secret is hidden to the end: other values of it may follow.
func Text(s string) string {
	m := newMasker(source.NewFile("", []byte(s)))
	for _, at := range quotedSetting().FindAllStringSubmatchIndex(s, -1) {
		if quotesSecret(s, at) {
			m.hide(at[1], len(s))
			break
		}
	}
	for _, at := range quotedWord().FindAllStringSubmatchIndex(s, -1) {
		m.blur(at[2], at[3])
	}
	for _, at := range quotedLogin().FindAllStringSubmatchIndex(s, -1) {
		m.hide(at[2], at[3])
	}
	m.text(0, len(s))
	return string(m.result())
}

func quotesSecret(s string, at []int) bool {
	group := func(n int) string {
		if at[2*n] < 0 {
			return ""
		}
		return strings.ToLower(s[at[2*n]:at[2*n+1]])
	}
	value := s[at[1]:]
	switch {
	case group(1) == "env":
		return !slices.Contains(plainEnv, group(2))
	case group(1) != "":
		return iniSecret(group(2), []byte(value))
	case group(3) != "":
		return !slices.Contains(plainParams, group(3)) && !strings.HasPrefix(value, "$")
	}
	return iniSecret(group(4), []byte(value))
}
