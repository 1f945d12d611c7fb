package verify

import (
	"embed"
	"io/fs"
)

//go:embed testdata/6.18
var recorded618 embed.FS

// Recorded are the cases that come with the program, to be run on a kernel: those
// recorded on Linux 6.18.
func Recorded() fs.FS {
	sub, err := fs.Sub(recorded618, "testdata/6.18")
	if err != nil {
		return recorded618 // it is there: it was built in
	}
	return sub
}
