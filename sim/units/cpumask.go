package units

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxCPU is the highest CPU that a mask may name.
const MaxCPU = 4095

const wantMask = `a CPU mask in hexadecimal, groups of 32 CPUs from the highest, such as "c" (CPUs 2 and 3) or "ff,ffffffff"`

// groupDigits is the number of hexadecimal digits of a 32-bit group.
const groupDigits = 8

// ParseCPUMask reads a bitmap in the notation of /proc and /sys (rps_cpus,
// flow_limit_cpu_bitmap): hexadecimal groups of 32 bits, most significant
// first, between commas. A group may be written without its leading zeros. It
// returns the CPUs in ascending order. It accepts what bitmap_parse accepts,
// except that nothing may stand around the mask (RPS-1, RPS-1a).
func ParseCPUMask(s string) ([]int, error) {
	bad := func(why string) ([]int, error) { return nil, &Error{Input: clip(s), Why: why, Want: wantMask} }
	if len(s) > (MaxCPU+1)/32*(groupDigits+1) {
		return bad("too long")
	}
	groups := strings.Split(s, ",")
	var cpus []int
	for i, group := range slices.Backward(groups) {
		if len(group) == 0 || len(group) > groupDigits {
			return bad(fmt.Sprintf("a group of %d digits where 1 to %d are", len(group), groupDigits))
		}
		bits, err := strconv.ParseUint(group, 16, 32)
		if err != nil {
			return bad(fmt.Sprintf("%q is not hexadecimal", group))
		}
		for bit := range 32 {
			if bits>>bit&1 != 0 {
				cpus = append(cpus, (len(groups)-1-i)*32+bit)
			}
		}
	}
	if n := len(cpus); n > 0 && cpus[n-1] > MaxCPU {
		return bad(fmt.Sprintf("CPU %d is above %d", cpus[n-1], MaxCPU))
	}
	return cpus, nil
}

// FormatCPUMask prints the CPUs as the kernel prints a mask of possible bits,
// at least 1: 4 bits "f", 8 "ff", 40 "ff,ffffffff" (RPS-1a). CPUs at and above
// possible are left out.
func FormatCPUMask(cpus []int, possible int) string {
	words := make([]uint32, (max(possible, 1)+31)/32)
	for _, cpu := range cpus {
		if cpu >= 0 && cpu < possible {
			words[cpu/32] |= 1 << (cpu % 32)
		}
	}
	top := len(words) - 1
	var b strings.Builder
	for i, word := range slices.Backward(words) {
		bits := 32
		if i == top {
			bits = max(possible, 1) - top*32
		} else {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%0*x", (bits+3)/4, word)
	}
	return b.String()
}

const wantList = `a list of CPUs, such as "2" or "0-3,8"`

// ParseCPUList reads a set of CPUs in the notation of smp_affinity_list:
// numbers and ranges between commas. It returns the CPUs in ascending order. It
// accepts what bitmap_parselist accepts, except that nothing may stand around
// the list.
func ParseCPUList(s string) ([]int, error) {
	bad := func(why string) ([]int, error) { return nil, &Error{Input: clip(s), Why: why, Want: wantList} }
	if s == "" {
		return nil, nil
	}
	if len(s) > 5*(MaxCPU+1) {
		return bad("too long")
	}
	var set [MaxCPU + 1]bool
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		lo, err1 := strconv.ParseUint(from, 10, 16)
		hi, err2 := strconv.ParseUint(to, 10, 16)
		switch {
		case err1 != nil || err2 != nil:
			return bad(fmt.Sprintf("%q is no number and no range", part))
		case hi > MaxCPU:
			return bad(fmt.Sprintf("CPU %d is above %d", hi, MaxCPU))
		case lo > hi:
			return bad(fmt.Sprintf("%q begins above its end", part))
		}
		for cpu := lo; cpu <= hi; cpu++ {
			set[cpu] = true
		}
	}
	var cpus []int
	for cpu, in := range set {
		if in {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// FormatCPUList prints CPUs, which must be ascending, as smp_affinity_list shows
// them: "0-3,8".
func FormatCPUList(cpus []int) string {
	var b strings.Builder
	for i := 0; i < len(cpus); {
		last := i
		for last+1 < len(cpus) && cpus[last+1] == cpus[last]+1 {
			last++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		if b.WriteString(strconv.Itoa(cpus[i])); last > i {
			b.WriteString("-" + strconv.Itoa(cpus[last]))
		}
		i = last + 1
	}
	return b.String()
}
