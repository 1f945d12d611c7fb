package procfs

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/units"
)

// A procFile is a file of /proc and its writer.
type procFile struct {
	name  string
	write func(io.Writer, *mib.Snapshot) error
}

// The files below proc, and those below proc/net.
var (
	procFiles = []procFile{
		{"interrupts", WriteInterrupts},
		{"softirqs", WriteSoftirqs},
		{"stat", WriteStat},
		{"uptime", WriteUptime},
	}
	procNetFiles = []procFile{
		{"dev", WriteDev},
		{"dev_mcast", WriteDevMcast},
		{"igmp", WriteIGMP},
		{"mcfilter", WriteMCFilter},
		{"netstat", WriteNetstat},
		{"ptype", WritePType},
		{"snmp", WriteSNMP},
		{"sockstat", WriteSockstat},
		{"softnet_stat", WriteSoftnetStat},
		{"udp", WriteUDP},
	}
)

// ethtoolFiles are the files below ethtool/<if>, named after the option.
var ethtoolFiles = []struct {
	option string
	write  func(io.Writer, *mib.Device) error
}{
	{"a", WriteEthtoolPause},
	{"c", WriteEthtoolCoalesce},
	{"g", WriteEthtoolRing},
	{"i", WriteEthtoolDriver},
	{"l", WriteEthtoolChannels},
}

// FS returns the files of s as a read-only tree:
//
//	proc/{interrupts,softirqs,stat,uptime}
//	proc/irq/<n>/{smp_affinity,smp_affinity_list,affinity_hint}
//	proc/net/{dev,dev_mcast,igmp,mcfilter,netstat,ptype,snmp,sockstat,softnet_stat,udp}
//	proc/net/stat/nf_conntrack, with connection tracking
//	proc/self/net and proc/1/net, the same as proc/net
//	sys/class/net/<if>/{address,mtu,...}, statistics/*, queues/rx-<n>/*
//	ethtool/<if>/{S,a,c,g,i,l}, what `ethtool -S <if>` and so on print, and x where the driver has it
//
// It implements [fs.ReadDirFS], [fs.StatFS] and [fs.ReadFileFS]; its files are
// seekable. A file is rendered each time that it is opened, so s must not
// change while the tree is in use; then it may be used by several goroutines.
// Modification times are the virtual time, counted from the Unix epoch.
//
// A snapshot that no host could show makes its files fail: those of a writer
// that returns an error, or all of them if the name of a device could not be a
// directory or is there twice.
func FS(s *mib.Snapshot) fs.FS {
	t := &tree{
		root:    &node{name: "."},
		modTime: time.Unix(0, s.TimePS/1000).UTC(),
		err:     checkNames(s.Devices),
	}
	if t.err != nil {
		return t
	}
	for _, f := range procFiles {
		t.root.add("proc/"+f.name, func(w io.Writer) error { return f.write(w, s) })
	}
	for _, f := range procNetFiles {
		for _, dir := range []string{"proc/net/", "proc/self/net/", "proc/1/net/"} {
			t.root.add(dir+f.name, func(w io.Writer) error { return f.write(w, s) })
		}
	}
	if s.Conntrack != nil {
		for _, dir := range []string{"proc/net/", "proc/self/net/", "proc/1/net/"} {
			t.root.add(dir+"stat/nf_conntrack", func(w io.Writer) error { return WriteConntrackStat(w, s) })
		}
	}
	for _, irq := range shownIRQs(s) {
		t.root.addIRQ(irq, s.Possible())
	}
	t.root.dir("sys/class/net")
	t.root.dir("ethtool")
	for i := range s.Devices {
		t.root.addDevice(&s.Devices[i], s.Possible())
	}
	t.root.sort()
	return t
}

// checkNames refuses devices that could not be directories. It models
// dev_valid_name of net/core/dev.c.
func checkNames(devices []mib.Device) error {
	seen := map[string]bool{}
	for i := range devices {
		name := devices[i].Name
		ok := name != "" && len(name) < 16 && name != "." && name != ".." &&
			!strings.ContainsAny(name, "/ \t\n\v\f\r") && fs.ValidPath(name) && !seen[name]
		if err := cfgerr.Check(ok, fmt.Sprintf("Devices[%d].Name", i), name, "a name of its own, 1 to 15 characters, no slash, no blank"); err != nil {
			return fmt.Errorf("procfs: %w", err)
		}
		seen[name] = true
	}
	return nil
}

// A tree is the file system that FS returns.
type tree struct {
	root    *node
	modTime time.Time
	err     error // why nothing can be opened
}

// A node is a directory, or a file if it has a writer.
type node struct {
	name     string
	children []*node // sorted by name
	write    func(io.Writer) error
}

// dir returns the directory of that path below n, made if need be.
func (n *node) dir(path string) *node {
	for name := range strings.SplitSeq(path, "/") {
		i := slices.IndexFunc(n.children, func(c *node) bool { return c.name == name })
		if i < 0 {
			i = len(n.children)
			n.children = append(n.children, &node{name: name})
		}
		n = n.children[i]
	}
	return n
}

// add puts a file into the tree.
func (n *node) add(path string, write func(io.Writer) error) { n.dir(path).write = write }

// addIRQ puts the files of an interrupt into the tree. They model those of
// register_irq_proc of kernel/irq/proc.c: masks in the notation of RPS-1a.
func (n *node) addIRQ(irq *mib.IRQ, cpus int) {
	dir := n.dir(fmt.Sprintf("proc/irq/%d", irq.Number))
	for _, f := range []attribute{
		{"affinity_hint", cpuMask(irq.Hint, cpus)},
		{"smp_affinity", cpuMask(irq.CPUs, cpus)},
		{"smp_affinity_list", units.FormatCPUList(irq.CPUs)},
	} {
		dir.add(f.path, func(w io.Writer) error {
			_, err := io.WriteString(w, f.text+"\n")
			return err
		})
	}
}

// addDevice puts the files of a device into the tree.
func (n *node) addDevice(d *mib.Device, cpus int) {
	sys := n.dir("sys/class/net/" + d.Name)
	for _, a := range netClassAttributes(d, cpus) {
		sys.add(a.path, func(w io.Writer) error {
			_, err := io.WriteString(w, a.text+"\n")
			return err
		})
	}
	for _, name := range statisticsFiles {
		sys.add("statistics/"+name, func(w io.Writer) error { return WriteStatistic(w, d, name) })
	}
	if len(d.Stats) > 0 {
		n.add("ethtool/"+d.Name+"/S", func(w io.Writer) error { return WriteEthtoolStats(w, d) })
	}
	if d.Ethtool == nil {
		return
	}
	if len(d.Ethtool.Indirection) > 0 {
		n.add("ethtool/"+d.Name+"/x", func(w io.Writer) error { return WriteEthtoolIndirection(w, d) })
	}
	for _, f := range ethtoolFiles {
		n.add("ethtool/"+d.Name+"/"+f.option, func(w io.Writer) error { return f.write(w, d) })
	}
}

func (n *node) sort() {
	slices.SortFunc(n.children, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	for _, c := range n.children {
		c.sort()
	}
}

// find returns the node of a path.
func (t *tree) find(op, path string) (*node, error) {
	if !fs.ValidPath(path) {
		return nil, &fs.PathError{Op: op, Path: path, Err: fs.ErrInvalid}
	}
	if t.err != nil {
		return nil, &fs.PathError{Op: op, Path: path, Err: t.err}
	}
	n := t.root
	if path == "." {
		return n, nil
	}
	for name := range strings.SplitSeq(path, "/") {
		i, ok := slices.BinarySearchFunc(n.children, name, func(c *node, name string) int { return strings.Compare(c.name, name) })
		if !ok {
			return nil, &fs.PathError{Op: op, Path: path, Err: fs.ErrNotExist}
		}
		n = n.children[i]
	}
	return n, nil
}

// Open implements [fs.FS].
func (t *tree) Open(path string) (fs.File, error) {
	n, err := t.find("open", path)
	if err != nil {
		return nil, err
	}
	if n.write == nil {
		return &openDir{tree: t, path: path, node: n}, nil
	}
	data, err := n.render()
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &openFile{bytes.NewReader(data), t.info(n, int64(len(data)))}, nil
}

// ReadFile implements [fs.ReadFileFS].
func (t *tree) ReadFile(path string) ([]byte, error) {
	n, err := t.find("read", path)
	if err != nil {
		return nil, err
	}
	if n.write == nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errIsDir}
	}
	data, err := n.render()
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return data, nil
}

// ReadDir implements [fs.ReadDirFS].
func (t *tree) ReadDir(path string) ([]fs.DirEntry, error) {
	n, err := t.find("readdir", path)
	if err != nil {
		return nil, err
	}
	if n.write != nil {
		return nil, &fs.PathError{Op: "readdir", Path: path, Err: errNotDir}
	}
	return t.entries(n.children), nil
}

// Stat implements [fs.StatFS]. The size of a file is that of its text: unlike
// the kernel's, which show 0 or 4096.
func (t *tree) Stat(path string) (fs.FileInfo, error) {
	n, err := t.find("stat", path)
	if err != nil {
		return nil, err
	}
	info, err := t.stat(n)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return info, nil
}

func (t *tree) stat(n *node) (fs.FileInfo, error) {
	if n.write == nil {
		return t.info(n, 0), nil
	}
	data, err := n.render()
	if err != nil {
		return nil, err
	}
	return t.info(n, int64(len(data))), nil
}

func (t *tree) entries(nodes []*node) []fs.DirEntry {
	out := make([]fs.DirEntry, len(nodes))
	for i, n := range nodes {
		out[i] = &dirEntry{t, n}
	}
	return out
}

func (n *node) render() ([]byte, error) {
	var b bytes.Buffer
	err := n.write(&b)
	return b.Bytes(), err
}

func (n *node) mode() fs.FileMode {
	if n.write == nil {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
