package live

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tracePages is the size of a ring of trace records, in pages without the first.
const tracePages = 256

// A tracer counts what the tracepoint skb:kfree_skb says: by perf_event_open,
// which ends with the program.
type tracer struct {
	rings   []ring
	offset  int            // of the reason in a record
	names   map[int]string // of the reasons
	sums    map[string]int64
	workers map[uint32]bool // by process: whether it is a worker of the kernel
	lost    bool            // records did not fit: nothing is known of the reasons any more
}

// A ring is what one perf event writes.
type ring struct {
	fd   int
	data []byte
}

// openTracer opens the tracepoint for this thread, or, for what happens on
// other CPUs or in ksoftirqd, for every CPU.
func openTracer(everywhere bool) (*tracer, error) {
	dir, err := tracefs()
	if err != nil {
		return nil, err
	}
	event := filepath.Join(dir, "events/skb/kfree_skb")
	id, err := tracepoint(event)
	if err != nil {
		return nil, err
	}
	format, err := os.ReadFile(filepath.Join(event, "format"))
	if err != nil {
		return nil, err
	}
	t := &tracer{sums: map[string]int64{}, workers: map[uint32]bool{}}
	if t.offset, t.names, err = Format(string(format)); err != nil {
		return nil, err
	}
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id, Sample: 1, Sample_type: unix.PERF_SAMPLE_TID | unix.PERF_SAMPLE_RAW, Wakeup: 1}
	attr.Size = uint32(unsafe.Sizeof(attr))
	pid, cpus := 0, []int{-1}
	if everywhere {
		pid, cpus = -1, nil
		for i := range runtime.NumCPU() {
			cpus = append(cpus, i)
		}
	}
	for _, cpu := range cpus {
		fd, err := unix.PerfEventOpen(&attr, pid, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			t.close()
			return nil, unavailable("perf_event_open: %v; it takes CAP_PERFMON and CONFIG_PERF_EVENTS", err)
		}
		data, err := unix.Mmap(fd, 0, (1+tracePages)*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			unix.Close(fd)
			t.close()
			return nil, unavailable("perf_event_open: %v", err)
		}
		t.rings = append(t.rings, ring{fd, data})
	}
	return t, nil
}

// tracepoint returns the number of a tracepoint whose files are in that folder.
func tracepoint(event string) (uint64, error) {
	text, err := os.ReadFile(filepath.Join(event, "id"))
	if err != nil {
		return 0, unavailable("no tracepoint %s: %v", filepath.Base(event), unwrap(err))
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}

// receptions counts packets that any program's network received
// (net:netif_receive_skb), on each CPU.
type receptions struct{ all []int }

func openReceptions() (*receptions, error) {
	dir, err := tracefs()
	if err != nil {
		return nil, err
	}
	id, err := tracepoint(filepath.Join(dir, "events/net/netif_receive_skb"))
	if err != nil {
		return nil, err
	}
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id}
	attr.Size = uint32(unsafe.Sizeof(attr))
	r := &receptions{}
	open := func(to *[]int, pid, cpu int) error {
		fd, err := unix.PerfEventOpen(&attr, pid, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err == nil {
			*to = append(*to, fd)
		}
		return err
	}
	for cpu := range runtime.NumCPU() {
		err = errors.Join(err, open(&r.all, -1, cpu))
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// counts returns how many packets all CPUs have received.
func (r *receptions) counts() (sum int64) {
	var b [8]byte
	for _, fd := range r.all {
		if k, err := unix.Read(fd, b[:]); err == nil && k == len(b) {
			sum += int64(binary.NativeEndian.Uint64(b[:]))
		}
	}
	return sum
}

func (r *receptions) close() {
	for _, fd := range r.all {
		unix.Close(fd)
	}
}

// tracefs finds the files of the tracepoints; where nobody has mounted them it
// does so, in the thread's own namespace of mounts.
func tracefs() (string, error) {
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		if _, err := os.Stat(dir + "/events"); err == nil {
			return dir, nil
		}
	}
	const dir = "/sys/kernel/tracing"
	if err := unix.Mount("tracefs", dir, "tracefs", 0, ""); err != nil {
		return "", unavailable("tracefs can't be mounted: %v", err)
	}
	return dir, nil
}

var (
	formatReason = regexp.MustCompile(`field:enum skb_drop_reason reason;\s*offset:(\d+);`)
	formatName   = regexp.MustCompile(`\{\s*(\d+),\s*"([A-Z0-9_]+)"\s*\}`)
)

// Format reads where a record of kfree_skb has its reason, and the reasons'
// names. A kernel before 5.17 gives none.
func Format(text string) (offset int, names map[int]string, err error) {
	m := formatReason.FindStringSubmatch(text)
	if m == nil {
		return 0, nil, unavailable("the tracepoint skb:kfree_skb gives no reason")
	}
	offset, err = strconv.Atoi(m[1])
	names = map[int]string{}
	for _, m := range formatName.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1])
		names[n] = m[2]
	}
	return offset, names, err
}

// counts reads the rings and returns all that was counted so far; nil if some of
// it was lost.
func (t *tracer) counts() map[string]int64 {
	for i := range t.rings {
		t.drain(&t.rings[i])
	}
	if t.lost {
		return nil
	}
	out := map[string]int64{}
	for k, v := range t.sums { // Any order: keys are different.
		out[k] = v
	}
	return out
}

// Places in struct perf_event_mmap_page.
const (
	mmapHead = 1024
	mmapTail = 1032
)

// drain takes the records off a ring.
func (t *tracer) drain(r *ring) {
	head := atomic.LoadUint64((*uint64)(unsafe.Pointer(&r.data[mmapHead])))
	tail := binary.NativeEndian.Uint64(r.data[mmapTail:])
	ringData := r.data[os.Getpagesize():]
	size := uint64(len(ringData))
	at := func(from uint64, n int) []byte {
		out := make([]byte, n)
		for i := range out {
			out[i] = ringData[(from+uint64(i))%size]
		}
		return out
	}
	for tail < head {
		h := at(tail, 8) // struct perf_event_header
		n := int(binary.NativeEndian.Uint16(h[6:]))
		if n < 8 {
			break
		}
		switch rec := at(tail, n); binary.NativeEndian.Uint32(h) {
		case unix.PERF_RECORD_LOST:
			t.lost = true
		case unix.PERF_RECORD_SAMPLE:
			// struct perf_event_header, then pid and tid, then the size of the raw record.
			if place := 8 + 8 + 4 + t.offset; place+4 <= len(rec) && !t.cleansUp(binary.NativeEndian.Uint32(rec[8:])) {
				t.count(int(binary.NativeEndian.Uint32(rec[place:])))
			}
		}
		tail += uint64(n)
	}
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&r.data[mmapTail])), tail)
}

// cleansUp reports whether a process is a worker of the kernel: one takes the
// namespaces of earlier cases apart meanwhile.
func (t *tracer) cleansUp(pid uint32) bool {
	is, known := t.workers[pid]
	if !known {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		is = err == nil && strings.HasPrefix(string(name), "kworker/")
		t.workers[pid] = is
	}
	return is
}

func (t *tracer) count(reason int) {
	name, ok := t.names[reason]
	if !ok {
		name = fmt.Sprintf("REASON_%d", reason)
	}
	t.sums[name]++
}

func (t *tracer) close() {
	for _, r := range t.rings {
		_ = unix.Munmap(r.data)
		unix.Close(r.fd)
	}
}
