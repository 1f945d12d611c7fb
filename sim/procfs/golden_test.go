package procfs_test

import (
	"flag"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txtar; review the difference as the change")

// TestGolden compares every file of the tree with a recorded one. proc/self/net
// and proc/1/net are left out: TestFSAliases holds them to proc/net.
func TestGolden(t *testing.T) {
	for name, change := range map[string]func(*mib.Snapshot){
		"host": func(s *mib.Snapshot) {
			s.MemErrors, s.ReasmOverlaps, s.OutTransmits, s.NetstatColumns = false, false, false, "linux-4.0"
		},
		"newer": func(s *mib.Snapshot) {
			*s = mib.Snapshot{SoftnetColumns: 15, NetstatColumns: "linux-6.18", MemErrors: true, ReasmOverlaps: true, OutTransmits: true, Net: s.Net, CPUs: s.CPUs}
		},
		"linux-3.10": func(s *mib.Snapshot) {
			s.SoftnetColumns, s.NoIgnoredMulti, s.MemErrors, s.ReasmOverlaps, s.OutTransmits, s.Devices = 10, true, false, false, false, s.Devices[:1]
			s.MCAddrs, s.Memberships = nil, s.Memberships[1:2]
			s.NetstatColumns = "linux-3.10"
		},
		"zero": func(s *mib.Snapshot) { *s = mib.Snapshot{SoftnetColumns: 11, CPUs: make([]mib.CPU, 1)} },
	} {
		t.Run(name, func(t *testing.T) {
			s := host()
			change(s)
			got := archive(t, procfs.FS(s))
			file := "testdata/" + name + ".txtar"
			if *update {
				require.NoError(t, os.WriteFile(file, got, 0o666))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(string(want), string(got)))
		})
	}
}

// archive returns the tree as one text.
func archive(t *testing.T, tree fs.FS) []byte {
	t.Helper()
	var a txtar.Archive
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if path == "proc/self" || path == "proc/1" {
				return fs.SkipDir
			}
			return err
		}
		data, err := fs.ReadFile(tree, path)
		if len(data) > 0 && data[len(data)-1] != '\n' {
			t.Errorf("%s: no newline at the end", path)
		}
		a.Files = append(a.Files, txtar.File{Name: path, Data: data})
		return err
	})
	require.NoError(t, err)
	return txtar.Format(&a)
}
