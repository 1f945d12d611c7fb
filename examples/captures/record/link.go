//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Names and addresses of the two ends of the link.
const (
	txDevice, txMAC, txAddr = "feed0", "02:00:00:00:00:01", "10.0.0.1/24"
	rxDevice, rxMAC, rxAddr = "feed1", "02:00:00:00:00:10", "10.0.0.16/24"
)

// A link is a veth pair between two namespaces of its own.
type link struct {
	tx, rx string   // namespaces
	made   []string // those that have to be removed
}

// newLink makes a link. The link must be removed whether there is an error or not.
func newLink(ctx context.Context) (*link, error) {
	l := &link{tx: fmt.Sprintf("rxpath-feed-tx-%d", os.Getpid()), rx: fmt.Sprintf("rxpath-feed-rx-%d", os.Getpid())}
	for _, ns := range []string{l.tx, l.rx} {
		if err := ip(ctx, "netns", "add", ns); err != nil {
			return l, err
		}
		l.made = append(l.made, ns)
		// Without IPv6 nothing but the feed is sent. A kernel without IPv6 does not have the file.
		const quiet = "echo 1 2>/dev/null > /proc/sys/net/ipv6/conf/default/disable_ipv6 || true"
		if err := ip(ctx, "netns", "exec", ns, "sh", "-c", quiet); err != nil {
			return l, err
		}
	}
	if err := ip(ctx, "link", "add", txDevice, "address", txMAC, "netns", l.tx, "type", "veth",
		"peer", "name", rxDevice, "address", rxMAC, "netns", l.rx); err != nil {
		return l, err
	}
	for _, end := range [][3]string{{l.tx, txDevice, txAddr}, {l.rx, rxDevice, rxAddr}} {
		if err := errors.Join(
			ip(ctx, "-n", end[0], "addr", "add", end[2], "dev", end[1]),
			ip(ctx, "-n", end[0], "link", "set", end[1], "up"),
		); err != nil {
			return l, err
		}
	}
	return l, ip(ctx, "-n", l.tx, "route", "add", "224.0.0.0/4", "dev", txDevice)
}

// remove takes the namespaces away, and with them the link.
func (l *link) remove() error {
	var errs []error
	for _, ns := range l.made {
		errs = append(errs, ip(context.Background(), "netns", "delete", ns))
	}
	l.made = nil
	return errors.Join(errs...)
}

// ip runs iproute2's ip.
func ip(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "ip", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that an interrupt does not stop half-way
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %q: %w: %s", args, err, bytes.TrimSpace(out))
	}
	return nil
}

// A child is this program in another role, in a namespace.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	waited bool
}

// start starts a child.
func (l *link) start(ctx context.Context, ns string, args []string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", ns, self}, args...)...)}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	c.cmd.Stderr = os.Stderr
	c.cmd.WaitDelay = 5 * time.Second
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.stdout, err = c.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return c, c.cmd.Start()
}

// ready waits until a recorder records.
func (c *child) ready() error { return waitReady(c.stdout) }

// finish lets the child do what it has left to do and passes on what it says.
func (c *child) finish() error {
	c.stdin.Close()
	_, err := io.Copy(os.Stdout, c.stdout)
	c.waited = true
	return errors.Join(err, c.cmd.Wait())
}

// end kills the child unless it has finished.
func (c *child) end() {
	if !c.waited {
		c.cmd.Process.Kill()
		c.cmd.Wait()
		c.waited = true
	}
}
