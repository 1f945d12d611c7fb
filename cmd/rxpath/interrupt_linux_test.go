package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The first interrupt makes a run print what it has. If nobody takes that, the
// second one kills.
func TestSecondInterruptKills(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("rxpath")
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "out")
	taken, full, err := os.Pipe()
	require.NoError(t, err)
	defer taken.Close()
	require.NoError(t, full.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
	for err == nil { // until nothing more fits
		_, err = full.Write(make([]byte, 4096))
	}
	cmd := exec.Command(path, "run", "--duration", "9999s", "--out", dir)
	cmd.Stdout = full
	require.NoError(t, cmd.Start())
	require.NoError(t, full.Close())
	for { // the directory is made when signals are listened to
		if _, err := os.Stat(dir); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	select {
	case err := <-ended:
		t.Fatalf("one interrupt killed: %v", err)
	case <-time.After(time.Second):
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, <-ended)
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ws.Signaled(), cmd.ProcessState)
	require.Equal(t, syscall.SIGINT, ws.Signal())
}
