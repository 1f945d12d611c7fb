package procfs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// iproute2 runs a command of iproute2 on the tree, which it reads where
// PROC_ROOT says.
func iproute2(t *testing.T, args ...string) []string {
	t.Helper()
	bin, err := exec.LookPath(args[0])
	if err != nil {
		t.Skipf("%s of iproute2 is not installed", args[0])
	}
	dir := copyTree(t, host())
	cmd := exec.Command(bin, args[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PROC_ROOT="+filepath.Join(dir, "proc"), "NSTAT_HISTORY="+filepath.Join(dir, "history"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func TestNstat(t *testing.T) {
	got := map[string]string{}
	for _, line := range iproute2(t, "nstat", "-az") {
		if f := strings.Fields(line); len(f) == 3 {
			got[f[0]] = f[1]
		}
	}
	s := host()
	for prefix, table := range map[string]any{"Ip": s.Net.IP, "IpExt": s.Net.IPExt, "TcpExt": s.Net.TCPExt, "Icmp": s.Net.ICMP, "Udp": s.Net.UDP} {
		eachTag(table, func(name string, value uint64) {
			require.Equal(t, strconv.FormatUint(value, 10), got[prefix+name], prefix+name)
		})
	}
	require.Equal(t, "403", got["IcmpMsgOutType3"])
}

func TestSs(t *testing.T) {
	out := iproute2(t, "ss", "-uan")
	require.Len(t, out, 3, "%q", out)
	for i, want := range []string{"UNCONN 213248 0 127.0.0.1:5001 0.0.0.0:*", "ESTAB 896 0 239.193.4.65:14506 10.0.1.2:65535"} {
		require.Equal(t, want, strings.Join(strings.Fields(out[1+i]), " "), fmt.Sprint(i))
	}
}
