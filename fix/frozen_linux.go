package fix

import "golang.org/x/sys/unix"

// frozen says why even root may not replace a file, or a directory's entries, and what allows it; ""
// where nothing tells.
func frozen(name string) string {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, name, 0, 0, &st) != nil {
		return ""
	}
	switch {
	case st.Attributes&unix.STATX_ATTR_IMMUTABLE != 0:
		return name + " is immutable, as chattr +i makes it: chattr -i " + quote(name) + " lets it change"
	case st.Attributes&unix.STATX_ATTR_APPEND != 0:
		return name + " can only be appended to, as chattr +a makes it: chattr -a " + quote(name) + " lets it change"
	}
	return ""
}

// mounted says whether a file is a mount of its own, as a container gets single files: it cannot be
// replaced, but overwritten.
func mounted(name string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, name, 0, 0, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}
