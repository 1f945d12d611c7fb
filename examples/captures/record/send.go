//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"time"
)

// send sends the feed, each message when it is due or as soon as possible after that.
func send(feed []message) error {
	urgent()
	var socks []*net.UDPConn
	for _, c := range channels {
		local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParsePrefix(txAddr).Addr(), c.from))
		s, err := net.DialUDP("udp4", local, net.UDPAddrFromAddrPort(c.to))
		if err != nil {
			return err
		}
		defer s.Close()
		socks = append(socks, s)
	}
	buf := make([]byte, 1<<16)
	start := time.Now()
	for i, m := range feed {
		waitUntil(start.Add(m.at))
		binary.BigEndian.PutUint64(buf, uint64(i+1))
		if _, err := socks[m.channel].Write(buf[:m.payload]); err != nil {
			return fmt.Errorf("message %d: %w", i+1, err)
		}
	}
	return nil
}

// waitUntil sleeps most of the time and spins the rest.
func waitUntil(t time.Time) {
	for {
		left := time.Until(t)
		if left <= 0 {
			return
		}
		if left > time.Millisecond {
			time.Sleep(left - time.Millisecond)
		}
	}
}

// urgent puts this thread before others, as far as that is allowed.
func urgent() {
	runtime.LockOSThread()
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, -20) // it only makes bursts rounder
}
