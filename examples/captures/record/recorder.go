//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/sys/unix"
)

// A packet is a frame as the kernel handed it over.
type packet struct {
	at     time.Time
	length int
	data   []byte
}

// record records until stop ends, and then what is still under way.
func record(p *plan, stop io.Reader, say io.Writer) error {
	urgent()
	fd, err := openTap(rxDevice)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	stopped := make(chan struct{})
	go func() {
		io.Copy(io.Discard, stop)
		close(stopped)
	}()
	if _, err := io.WriteString(say, readyLine); err != nil {
		return err
	}
	packets, err := receive(fd, p.snaplen, stopped)
	if err != nil {
		return err
	}
	stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return fmt.Errorf("packet statistics: %w", err)
	}
	if stats.Drops > 0 || len(packets) != p.frames {
		return fmt.Errorf("%d frames arrived and %d were lost, %d were sent: try again on a quieter machine", len(packets), stats.Drops, p.frames)
	}
	if err := write(p, packets); err != nil {
		return err
	}
	first, last := packets[0].at, packets[len(packets)-1].at
	_, err = fmt.Fprintf(say, "%s: %d frames in %v\n", p.out, len(packets), last.Sub(first))
	return err
}

// openTap opens a packet socket on a device.
func openTap(device string) (int, error) {
	dev, err := net.InterfaceByName(device)
	if err != nil {
		return 0, err
	}
	proto := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL)) // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(proto))
	if err != nil {
		return 0, fmt.Errorf("packet socket: %w", err)
	}
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: dev.Index}),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}),
	)
	if err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("packet socket: %w", err)
	}
	return fd, nil
}

// receive takes packets until it has been stopped and nothing came for a while.
func receive(fd, snaplen int, stopped <-chan struct{}) ([]packet, error) {
	var packets []packet
	buf, oob := make([]byte, snaplen), make([]byte, 256)
	for {
		n, oobn, _, _, err := unix.Recvmsg(fd, buf, oob, unix.MSG_TRUNC)
		switch err {
		case nil:
		case unix.EINTR:
			continue
		case unix.EAGAIN: // nothing for 100 ms
			select {
			case <-stopped:
				return packets, nil
			default:
				continue
			}
		default:
			return nil, fmt.Errorf("receive: %w", err)
		}
		at, err := stamp(oob[:oobn])
		if err != nil {
			return nil, err
		}
		packets = append(packets, packet{at, n, append([]byte(nil), buf[:min(n, snaplen)]...)})
	}
}

// stamp finds the kernel's time stamp among the control messages.
func stamp(oob []byte) (time.Time, error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Time{}, err
	}
	for _, m := range msgs {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS_NEW && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:]))), nil
		}
	}
	return time.Time{}, errors.New("a packet without time stamp")
}

// write writes the file, all or nothing.
func write(p *plan, packets []packet) (err error) {
	f, err := os.Create(p.out + ".part")
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err == nil {
			err = os.Rename(f.Name(), p.out)
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	w, err := pcapgo.NewNgWriterInterface(f, pcapgo.NgInterface{
		Name: rxDevice, LinkType: layers.LinkTypeEthernet, SnapLength: uint32(p.snaplen), TimestampResolution: 9,
	}, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
		OS: "Linux", Application: "rxpath examples/captures/record",
		Comment: fmt.Sprintf("a feed of rxpath's own making between two network namespaces, seed %d", p.seed),
	}})
	if err != nil {
		return err
	}
	for _, k := range packets {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: k.at, CaptureLength: len(k.data), Length: k.length}, k.data); err != nil {
			return err
		}
	}
	if err := w.WriteInterfaceStats(0, pcapgo.NgInterfaceStatistics{
		LastUpdate: packets[len(packets)-1].at, PacketsReceived: uint64(len(packets)), PacketsDropped: 0,
	}); err != nil {
		return err
	}
	return w.Flush()
}
