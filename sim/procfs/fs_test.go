package procfs_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

func TestFS(t *testing.T) {
	require.NoError(t, fstest.TestFS(procfs.FS(host()),
		"proc/stat", "proc/uptime", "proc/interrupts", "proc/softirqs",
		"proc/net/softnet_stat", "proc/net/snmp", "proc/net/netstat", "proc/net/udp", "proc/net/dev", "proc/net/ptype",
		"proc/net/sockstat", "proc/net/igmp", "proc/net/mcfilter", "proc/net/dev_mcast",
		"proc/self/net/snmp", "proc/1/net/netstat",
		"sys/class/net/lo/mtu", "sys/class/net/eth0/address", "sys/class/net/eth0/statistics/rx_missed_errors",
		"sys/class/net/eth0/queues/rx-2/rps_cpus",
		"ethtool/eth0/S", "ethtool/eth0/i", "ethtool/eth0/g", "ethtool/eth0/c", "ethtool/eth0/a", "ethtool/eth0/l"))
	require.NoError(t, fstest.TestFS(procfs.FS(&mib.Snapshot{SoftnetColumns: 15}), "proc/net/softnet_stat"))
}

func TestFSImplements(t *testing.T) {
	tree := procfs.FS(host())
	require.Implements(t, (*fs.ReadDirFS)(nil), tree)
	require.Implements(t, (*fs.StatFS)(nil), tree)
	require.Implements(t, (*fs.ReadFileFS)(nil), tree)
	f, err := tree.Open("proc/stat")
	require.NoError(t, err)
	require.Implements(t, (*io.ReadSeeker)(nil), f) // http.FileServerFS needs it
}

func TestFSAliases(t *testing.T) {
	tree := procfs.FS(host())
	for _, alias := range []string{"proc/self/net", "proc/1/net"} {
		sub, err := fs.Sub(tree, alias)
		require.NoError(t, err)
		net, err := fs.Sub(tree, "proc/net")
		require.NoError(t, err)
		require.Equal(t, string(archive(t, net)), string(archive(t, sub)))
	}
}

func TestFSModTimeIsVirtual(t *testing.T) {
	s := host()
	s.TimePS = 3_600_000_000_000_999
	tree := procfs.FS(s)
	for _, path := range []string{".", "proc/net", "proc/net/udp"} {
		info, err := fs.Stat(tree, path)
		require.NoError(t, err)
		require.Equal(t, time.Date(1970, 1, 1, 1, 0, 0, 0, time.UTC), info.ModTime(), path)
	}
}

func TestFSModes(t *testing.T) {
	tree := procfs.FS(host())
	for path, want := range map[string]string{
		"proc/uptime":  "-r--r--r-- 12 1970-01-01 00:01:38 uptime",
		"proc/1/net":   "dr-xr-xr-x 0 1970-01-01 00:01:38 net/",
		"sys/class":    "dr-xr-xr-x 0 1970-01-01 00:01:38 class/",
		"ethtool/eth0": "dr-xr-xr-x 0 1970-01-01 00:01:38 eth0/",
	} {
		info, err := fs.Stat(tree, path)
		require.NoError(t, err)
		require.Equal(t, want, fs.FormatFileInfo(info))
	}
}

func TestFSErrors(t *testing.T) {
	tree := procfs.FS(host())
	for path, want := range map[string]string{
		"proc/net/udp6":      "file does not exist",
		"proc/net/udp/x":     "file does not exist",
		"ethtool/lo/S":       "file does not exist",
		"/proc":              "invalid argument",
		"proc/../proc":       "invalid argument",
		"":                   "invalid argument",
		"sys/class/net/eth1": "file does not exist",
	} {
		_, err := tree.Open(path)
		require.EqualError(t, err, "open "+path+": "+want)
		_, err = fs.Stat(tree, path)
		require.EqualError(t, err, "stat "+path+": "+want)
		_, err = fs.ReadDir(tree, path)
		require.EqualError(t, err, "readdir "+path+": "+want)
	}
	_, err := fs.ReadFile(tree, "proc/net")
	require.EqualError(t, err, "read proc/net: is a directory")
	_, err = fs.ReadDir(tree, "proc/net/udp")
	require.EqualError(t, err, "readdir proc/net/udp: not a directory")
}

func TestFSOfAnImpossibleSnapshot(t *testing.T) {
	s := host()
	s.SoftnetColumns = 12
	tree := procfs.FS(s)
	const want = "procfs: net/softnet_stat: SoftnetColumns = 12: want 10, 11, 13 or 15"
	_, err := tree.Open("proc/net/softnet_stat")
	require.EqualError(t, err, "open proc/net/softnet_stat: "+want)
	_, err = fs.ReadFile(tree, "proc/1/net/softnet_stat")
	require.EqualError(t, err, "read proc/1/net/softnet_stat: "+want)
	_, err = fs.Stat(tree, "proc/net/softnet_stat")
	require.EqualError(t, err, "stat proc/net/softnet_stat: "+want)
	_, err = fs.ReadFile(tree, "proc/net/snmp")
	require.NoError(t, err)
}

func TestFSRefusesNamesThatAreNoDirectories(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "a b", "eth0\n", "lo", "sixteen-letters!", "\xff"} {
		s := host()
		s.Devices[1].Name = name
		_, err := procfs.FS(s).Open("proc/net/snmp")
		var fault *cfgerr.Error
		require.ErrorAs(t, err, &fault, "%q", name)
		require.Equal(t, "Devices[1].Name", fault.Path)
		require.Equal(t, name, fault.Value)
	}
}

func TestCopyFS(t *testing.T) {
	dir := copyTree(t, host())
	got := archive(t, os.DirFS(dir))
	require.Equal(t, string(archive(t, procfs.FS(host()))), string(got))
}

// copyTree writes the tree of s to a new directory.
func copyTree(t *testing.T, s *mib.Snapshot) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	require.NoError(t, os.CopyFS(dir, procfs.FS(s)))
	return dir
}
