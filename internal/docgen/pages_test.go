package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// TestGenerated: the pages are what the source says now. After a change of a
// comment or a tag:
//
//	go generate ./internal/docgen
func TestGenerated(t *testing.T) {
	pages, err := generate(root)
	require.NoError(t, err)
	require.Len(t, pages, 4)
	for _, p := range pages {
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p.path)))
		require.NoError(t, err)
		if diff := cmp.Diff(string(got), string(p.text)); diff != "" {
			t.Errorf("%s is out of date (- file, + source): run go generate ./internal/docgen\n%s", p.path, diff)
		}
	}
}

// TestRunWrites: run writes what is missing and out of date, and nothing else.
func TestRunWrites(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "sim/mib"), os.DirFS(filepath.Join(root, "sim/mib"))))
	require.Error(t, run(dir), "there is no directory docs")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "docs"), 0o755))
	stale := filepath.Join(dir, "docs", "COUNTERS.md")
	require.NoError(t, os.WriteFile(stale, []byte("old"), 0o644))
	require.NoError(t, run(dir))
	text, err := os.ReadFile(stale)
	require.NoError(t, err)
	require.Contains(t, string(text), "### `Udp.InErrors`")
	require.NoError(t, os.Chmod(stale, 0o444))
	require.NoError(t, run(dir), "a current page is not written again")
}

func TestKernelNames(t *testing.T) {
	for text, want := range map[string][]string{
		"SoftnetData is the receive state of one CPU. It models struct softnet_data.":                   {"struct softnet_data"},
		"Schedule models ____napi_schedule: the poller goes to the tail and NET_RX is raised.":          {"____napi_schedule"},
		"It models the rest of the loop: fetching the buffer, ixgbe_process_skb_fields.":                {"ixgbe_process_skb_fields"},
		"Receive models napi_gro_receive and dev_gro_receive. UDP is never merged (GRO-3).":             {"napi_gro_receive", "dev_gro_receive"},
		"It models softnet_seq_show of\nnet/core/net-procfs.c (FMT-1 to FMT-3).":                        {"softnet_seq_show", "net/core/net-procfs.c"},
		"reuseHash models udp_ehashfn, the hash by which a flow keeps its SO_REUSEPORT socket.":         {"udp_ehashfn"},
		"charge models update_curr; as without CONFIG_IRQ_TIME_ACCOUNTING.":                             {"update_curr"},
		"handle calls ixgbe_msix_clean_rings. It is no model.":                                          nil,
		"Package ipstack models the core (net/core/dev.c:__netif_receive_skb_core).":                    {"net/core/dev.c:__netif_receive_skb_core"},
		"A core under a fair scheduler modelled on\nkernel/sched/fair.c. Tasks are step_machines here.": {"kernel/sched/fair.c"},
	} {
		require.Equal(t, want, kernelNames(text), text)
	}
}

func TestListItems(t *testing.T) {
	require.Equal(t, []string{"source filters", "options (well-formed, no routes)", "bridges", "ARP, IPv6 and TCP end there."},
		listItems(" source filters, options (well-formed,\nno routes), and bridges. ARP, IPv6 and TCP end there.\n"))
	require.Equal(t, []string{"The order of devices, by index.", "HYP rows."},
		listItems("\n  - The order of\n    devices, by index.\n  - HYP rows.\n"))
}

func TestMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"[Core.Spend] is __do_softirq's, in net/core/dev.c.": "`Core.Spend` is `__do_softirq`'s, in `net/core/dev.c`.",
		"as `ethtool -S` shows <if>: 1 <= 2, a<b":            "as `ethtool -S` shows `<if>`: 1 <= 2, `a<b`",
		"/proc/net/udp\nhides (sk_drops), see rx_queue.":     "`/proc/net/udp` hides (`sk_drops`), see `rx_queue`.",
	} {
		require.Equal(t, want, markdown(text))
	}
}

func TestAnchor(t *testing.T) {
	require.Equal(t, "the-interface-statistics-and-procnetdev", anchor("The interface: statistics and /proc/net/dev"))
	require.Equal(t, "the-driver-ethtool--s", anchor("The driver: ethtool -S"))
}
