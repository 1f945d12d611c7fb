//go:build !linux

package verify

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"runtime"
)

// ThisMachine says that there is no Linux to look at.
func ThisMachine(context.Context) (*Machine, error) {
	return nil, errors.New("cases run on a Linux kernel; this is " + runtime.GOOS)
}

// Recorded is empty: there is no kernel to run cases on.
func Recorded() fs.FS { return embed.FS{} }

// Run is never called: there is no Machine.
func (m *Machine) Run(context.Context, fs.FS, string) (*Recording, error) {
	return nil, errors.ErrUnsupported
}
