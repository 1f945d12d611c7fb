package live

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Commands of SIOCETHTOOL (linux/ethtool.h).
const (
	ethtoolGSTRINGS  = 0x1b
	ethtoolGSSETINFO = 0x37
	ethtoolSFEATURES = 0x3b
	ethSSFeatures    = 4
	gstringLen       = 32
)

// offloads sets the features of the devices that decide how a packet goes.
func (n *Net) offloads() error {
	if n.cfg.Kind != "veth" {
		return nil
	}
	near, far := []string{n.cfg.Device}, []string{senderDevice}
	if n.cfg.Second {
		near, far = append(near, SecondReceiver), append(far, SecondSender)
	}
	for _, d := range near {
		if err := features(d, map[string]bool{"rx-gro": n.cfg.GRO}); err != nil {
			return err
		}
	}
	return n.inSender(func() error {
		want := map[string]bool{"tx-udp-segmentation": n.cfg.USO}
		for _, f := range []string{"tx-tcp-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation", "tx-tcp6-segmentation"} { // NETIF_F_ALL_TSO
			want[f] = n.cfg.TSO
		}
		for _, d := range far {
			if err := features(d, want); err != nil {
				return err
			}
		}
		return nil
	})
}

// features turns features of a device on or off (ETHTOOL_SFEATURES).
func features(device string, want map[string]bool) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	names, err := featureNames(fd, device)
	if err != nil {
		return unavailable("features of %s: %v", device, err)
	}
	blocks := (len(names) + 31) / 32
	req := make([]byte, 8+8*blocks) // struct ethtool_sfeatures: blocks of valid and requested
	binary.NativeEndian.PutUint32(req, ethtoolSFEATURES)
	binary.NativeEndian.PutUint32(req[4:], uint32(blocks))
	for name, on := range want { // Any order: every feature has a bit of its own.
		i := slices.Index(names, name)
		if i < 0 {
			return unavailable("%s has no feature %s", device, name)
		}
		at := 8 + 8*(i/32)
		set := func(at int) {
			binary.NativeEndian.PutUint32(req[at:], binary.NativeEndian.Uint32(req[at:])|1<<(i%32))
		}
		set(at)
		if on {
			set(at + 4)
		}
	}
	if err := ethtool(fd, device, req); err != nil {
		return unavailable("features of %s: %v", device, err)
	}
	return nil
}

// featureNames reads the names of the features by their bits.
func featureNames(fd int, device string) ([]string, error) {
	info := make([]byte, 4+4+8+4) // struct ethtool_sset_info with one length
	binary.NativeEndian.PutUint32(info, ethtoolGSSETINFO)
	binary.NativeEndian.PutUint64(info[8:], 1<<ethSSFeatures)
	if err := ethtool(fd, device, info); err != nil {
		return nil, err
	}
	count := int(binary.NativeEndian.Uint32(info[16:]))
	if count <= 0 || count > 1<<10 {
		return nil, fmt.Errorf("%d features", count)
	}
	text := make([]byte, 12+count*gstringLen) // struct ethtool_gstrings
	binary.NativeEndian.PutUint32(text, ethtoolGSTRINGS)
	binary.NativeEndian.PutUint32(text[4:], ethSSFeatures)
	binary.NativeEndian.PutUint32(text[8:], uint32(count))
	if err := ethtool(fd, device, text); err != nil {
		return nil, err
	}
	var names []string
	for i := range count {
		s, _, _ := strings.Cut(string(text[12+i*gstringLen:12+(i+1)*gstringLen]), "\x00")
		names = append(names, s)
	}
	return names, nil
}

// ifreqData is struct ifreq with a pointer.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// ethtool makes one call of SIOCETHTOOL.
func ethtool(fd int, device string, data []byte) error {
	var r ifreqData
	copy(r.name[:unix.IFNAMSIZ-1], device)
	r.data = unsafe.Pointer(&data[0])
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&r)))
	if e != 0 {
		return e
	}
	return nil
}

// BPF of linux/bpf.h.
const (
	bpfProgLoad    = 5
	bpfProgTypeXDP = 6
	xdpFlagsSKB    = 1 << 1
	xdpFlagsDrv    = 1 << 2
)

// progLoad is union bpf_attr of BPF_PROG_LOAD, as far as it is needed.
type progLoad struct {
	progType, insnCnt  uint32
	insns, license     uint64
	logLevel, logSize  uint32
	logBuf             uint64
	kernVersion, flags uint32
}

// xdp attaches a program of two instructions: r0 = action; exit.
func (n *Net) xdp() error {
	if n.cfg.XDP == "" {
		return nil
	}
	action := map[string]byte{"DROP": 1, "PASS": 2}[n.cfg.XDP]
	insns := []byte{0xb7, 0, 0, 0, action, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}
	license := []byte("Dual BSD/GPL\x00")
	a := progLoad{progType: bpfProgTypeXDP, insnCnt: 2,
		insns: uint64(uintptr(unsafe.Pointer(&insns[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0])))}
	fd, _, e := unix.Syscall(unix.SYS_BPF, bpfProgLoad, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a))
	runtime.KeepAlive(insns)
	runtime.KeepAlive(license)
	if e != 0 {
		return unavailable("no XDP program: %v; it takes CAP_BPF and CONFIG_BPF_SYSCALL", e)
	}
	defer unix.Close(int(fd))
	l, err := n.link.LinkByName(n.cfg.Device)
	if err != nil {
		return err
	}
	flags := xdpFlagsDrv
	if n.cfg.XDPGeneric {
		flags = xdpFlagsSKB
	}
	if err := netlink.LinkSetXdpFdWithFlags(l, int(fd), flags); err != nil {
		return unavailable("XDP on %s: %v", n.cfg.Device, err)
	}
	return nil
}

// mirrors makes copies of each packet that the sender sends: by tc, on its way
// out of a device that has the sender's address and no other purpose. The copies
// and the packet itself go on to the devices at the sender's end of the wire.
func (n *Net) mirrors() error {
	if len(n.cfg.Mirror) == 0 {
		return nil
	}
	return n.inSender(n.mirror)
}

func (n *Net) mirror() error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	l, err := h.LinkByName(carrier)
	if err != nil {
		return err
	}
	q := netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}
	if err := h.QdiscAdd(&netlink.Clsact{QdiscAttrs: q}); err != nil {
		return unavailable("tc clsact: %v; it takes CONFIG_NET_SCH_INGRESS", err)
	}
	var actions []netlink.Action
	for i, to := range append(slices.Clone(n.cfg.Mirror), senderDevice) {
		d, err := h.LinkByName(to)
		if err != nil {
			return err
		}
		m := netlink.NewMirredAction(d.Attrs().Index) // the last one takes the packet itself
		if i < len(n.cfg.Mirror) {
			m.Action, m.MirredAction = netlink.TC_ACT_PIPE, netlink.TCA_EGRESS_MIRROR
		}
		actions = append(actions, m)
	}
	at := netlink.FilterAttrs{LinkIndex: l.Attrs().Index, Parent: netlink.HANDLE_MIN_EGRESS, Protocol: unix.ETH_P_IP, Priority: 1}
	if err := h.FilterAdd(&netlink.U32{FilterAttrs: at, Actions: actions}); err != nil {
		return unavailable("tc mirred: %v; it takes CONFIG_NET_CLS_U32 and CONFIG_NET_ACT_MIRRED", err)
	}
	return nil
}
