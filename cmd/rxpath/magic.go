package main

import (
	"bytes"
	"path/filepath"
	"strings"
)

// captureMagics are the first bytes of pcap files of either byte order, of
// pcapng, and of gzip.
var captureMagics = [][]byte{
	{0xa1, 0xb2, 0xc3, 0xd4}, {0xd4, 0xc3, 0xb2, 0xa1},
	{0xa1, 0xb2, 0x3c, 0x4d}, {0x4d, 0x3c, 0xb2, 0xa1},
	{0x0a, 0x0d, 0x0d, 0x0a},
	{0x1f, 0x8b},
}

// looksLikeCapture tells a capture from a scenario by its first bytes. A file
// that is named like a capture is meant to be one, whatever it begins with.
func looksLikeCapture(path string, data []byte) bool {
	for _, magic := range captureMagics {
		if bytes.HasPrefix(data, magic) {
			return true
		}
	}
	switch filepath.Ext(strings.TrimSuffix(strings.ToLower(path), ".gz")) {
	case ".pcap", ".pcapng", ".cap":
		return true
	}
	return false
}
