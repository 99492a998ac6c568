//go:build !linux

package source

func largePages(int) []byte { return nil }
