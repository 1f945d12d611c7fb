package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal returns both ends of a pseudo-terminal of 80 columns.
func terminal(t *testing.T) (user, program *os.File) {
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	fd := int(user.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	return user, program
}

// start starts rxpath with its standard error on a terminal.
func start(t *testing.T, term string, args ...string) (cmd *exec.Cmd, screen *os.File) {
	user, program := terminal(t)
	path, err := exec.LookPath("rxpath")
	require.NoError(t, err)
	cmd = exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = new(bytes.Buffer), program
	cmd.Env = append(os.Environ(), "TERM="+term)
	require.NoError(t, cmd.Start())
	require.NoError(t, program.Close())
	t.Cleanup(func() { _ = user.Close() })
	return cmd, user
}

// On a terminal a run shows how far it is, and takes that away when it ends.
func TestProgress(t *testing.T) {
	t.Parallel()
	cmd, screen := start(t, "xterm", "run", "--duration", "9999s")
	var seen []byte
	b := make([]byte, 4096)
	told := false
	for {
		n, err := screen.Read(b)
		seen = append(seen, b[:n]...)
		if err != nil { // EIO: the program has gone
			break
		}
		all := true
		for _, s := range []string{" s of 9999 s  ─", "packets/s", " left", "\x1b[J"} {
			all = all && bytes.Contains(seen, []byte(s))
		}
		if all && !told {
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
			told = true
		}
	}
	require.True(t, told, "%q", seen)
	require.Error(t, cmd.Wait())
	require.Equal(t, exitInterrupt, cmd.ProcessState.ExitCode())
	_, rest, _ := bytes.Cut(seen[bytes.LastIndex(seen, []byte("\x1b[J")):], []byte("\x1b[J"))
	require.Regexp(t, "^rxpath: interrupted at ", string(rest), "the bar is gone")
	require.NotContains(t, cmd.Stdout.(*bytes.Buffer).String(), "\x1b")
}

// A terminal that cannot move its cursor stays empty.
func TestProgressDumb(t *testing.T) {
	t.Parallel()
	cmd, screen := start(t, "dumb", "run", "--duration", "5s", "--no-bottleneck")
	var seen bytes.Buffer
	_, _ = io.Copy(&seen, screen) // ends with EIO when the program has gone
	require.NoError(t, cmd.Wait())
	require.Empty(t, seen.String())
}
