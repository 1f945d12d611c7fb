package main

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/verify"
)

// mayRunLive skips a test where --live has nothing to work with.
func mayRunLive(t *testing.T) string {
	t.Helper()
	if _, err := verify.ThisMachine(t.Context()); err != nil {
		t.Skipf("verify --live: %v", err)
	}
	path, err := exec.LookPath("rxpath")
	require.NoError(t, err)
	return path
}

// exitOf runs the command and returns its status and what it said.
func exitOf(cmd *exec.Cmd) (status int, out, errs string) {
	var o, e strings.Builder
	cmd.Stdout, cmd.Stderr = &o, &e
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// What --live records is replayed by verify, on a machine without root, too; and
// can be run again.
func TestVerifyLive(t *testing.T) {
	path := mayRunLive(t)
	dir := filepath.Join(t.TempDir(), "here")
	status, out, errs := exitOf(exec.Command(path, "verify", "--live", "--cases", "K,E_noport", "--record", dir))
	if status == 1 && strings.Contains(out, "\ndiffers ") {
		t.Skipf("this kernel is not as the model has it:\n%s", out)
	}
	require.Equal(t, 0, status, out+errs)
	require.Regexp(t, `^kernel \S+, \d+ CPUs: profile linux-\S+, the nearest; probed: small_head \d+, accept_rule `, out)
	require.Contains(t, out, "\nok E_noport (")
	require.Regexp(t, `\n15 cases: 15 ok, 0 differ, 0 relations, 0 not replayable\n$`, out)
	status, out, errs = exitOf(exec.Command(path, "verify", dir))
	require.Equal(t, 0, status, out+errs)
	require.Contains(t, out, "15 cases: 15 ok")
	status, out, errs = exitOf(exec.Command(path, "verify", "--live", dir, "--cases", "K_lo_*", "--record", dir, "--format", "json"))
	require.Equal(t, 0, status, out+errs)
	require.Contains(t, out, `"probed": {`)
	status, _, errs = exitOf(exec.Command(path, "verify", "--live", "--cases", "L"))
	require.Equal(t, 1, status)
	require.Contains(t, errs, "could run none of the cases")
	status, out, errs = exitOf(exec.Command(path, "verify", "--live", "--cases", "K", "--time-limit", "1ns"))
	require.Equal(t, 1, status)
	require.Contains(t, out, "after the time limit")
	require.Contains(t, errs, "14 cases are left after --time-limit 1ns")
}

// --record takes no folder of other files.
func TestVerifyRecordElsewhere(t *testing.T) {
	path := mayRunLive(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("mine"), 0o644))
	status, _, errs := exitOf(exec.Command(path, "verify", "--live", "--cases", "K_lo_peek", "--record", dir))
	require.Equal(t, 2, status)
	require.Contains(t, errs, "there are other files in it")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// traces is what a process leaves: devices, names of namespaces and mounts of
// the machine, and processes in namespaces that are not the machine's.
func traces(t *testing.T, of map[string]bool) (out []string) {
	t.Helper()
	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	for _, i := range interfaces {
		out = append(out, i.Name)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	named, _ := filepath.Glob("/run/netns/*")
	tasks, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*/ns/net")
	for _, p := range tasks {
		if ns, err := os.Readlink(p); err == nil && of[ns] {
			out = append(out, p)
		}
	}
	return append(append(out, string(mounts)), named...)
}

// namespaces are the network namespaces of a process's threads.
func namespaces(pid int) map[string]bool {
	out := map[string]bool{}
	tasks, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task/[0-9]*/ns/net"))
	for _, p := range tasks {
		if ns, err := os.Readlink(p); err == nil {
			out[ns] = true
		}
	}
	if own, err := os.Readlink("/proc/self/ns/net"); err == nil {
		delete(out, own)
	}
	return out
}

// However the command ends, nothing is left of its namespaces.
func TestVerifyLiveEnds(t *testing.T) {
	path := mayRunLive(t)
	before := traces(t, nil)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "here")
			cmd := exec.Command(path, "verify", "--live", "--cases", "A_veth_*", "--record", dir)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			in := bufio.NewScanner(out)
			for range 3 { // the machine and two cases
				require.True(t, in.Scan())
			}
			seen := map[string]bool{}
			for deadline := time.Now().Add(10 * time.Second); len(seen) == 0 && time.Now().Before(deadline); {
				seen = namespaces(cmd.Process.Pid)
			}
			require.NotEmpty(t, seen, "it is in a namespace of its own")
			require.NoError(t, cmd.Process.Signal(sig))
			lines := 0
			for in.Scan() {
				lines++
			}
			_ = cmd.Wait()
			if sig != syscall.SIGKILL {
				require.Equal(t, 130, cmd.ProcessState.ExitCode())
				require.Less(t, lines, 30, "it did not run to its end")
				status, text, errs := exitOf(exec.Command(path, "verify", dir, "-q"))
				require.Equal(t, 0, status, "what was recorded is whole: %s%s", text, errs)
			}
			require.Equal(t, before, traces(t, seen))
		})
	}
}

// Without root it says what it takes, and does nothing. The command runs as
// another user of a user namespace, or the test does so itself.
func TestVerifyLiveWithoutRoot(t *testing.T) {
	path, err := exec.LookPath("rxpath")
	require.NoError(t, err)
	cmd := exec.Command(path, "verify", "--live", "--record", filepath.Join(t.TempDir(), "here"))
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: 0, Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: 0, Size: 1}}}
		if err := exec.Command("unshare", "-U", "true").Run(); err != nil {
			t.Skip("no user namespaces here, and the test runs as root")
		}
	}
	status, out, errs := exitOf(cmd)
	require.Equal(t, 1, status, errs)
	require.Empty(t, out)
	require.Contains(t, errs, "verify: --live: not root: it takes root (CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW)")
	_, err = os.Stat(cmd.Args[len(cmd.Args)-1])
	require.ErrorIs(t, err, os.ErrNotExist, "nothing is recorded")
}
