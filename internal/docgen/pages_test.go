package main

import (
	"os"
	"path/filepath"
	"strings"
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
	require.Equal(t, []string{"A bond does not send, or learn; nor does a bridge.", "ARP, IPv6 and TCP end there."},
		listItems(" A bond does not send, or learn; nor\ndoes a bridge. ARP, IPv6 and TCP end there.\n"))
	require.Equal(t, []string{"The order of devices, by index.", "HYP rows."},
		listItems("\n  - The order of\n    devices, by index.\n  - HYP rows.\n"))
}

// TestDeviationsStandAlone: what a comment lists as not modelled is a sentence
// that says what it is about, because the page shows it without the comment.
func TestDeviationsStandAlone(t *testing.T) {
	m, err := readModule(root)
	require.NoError(t, err)
	found, said := 0, map[string]string{}
	for _, p := range inPathOrder(m) {
		lists, _ := p.deviations()
		for _, d := range lists {
			found++
			if !standsAlone(d.text) {
				t.Errorf("%s, %s: %q under Not modelled: want a sentence, with its subject, a capital and a full stop", p.dir, d.name, d.text)
			}
			if other, again := said[d.text]; again {
				t.Errorf("%s and %s both say %q", p.dir, other, d.text)
			}
			said[d.text] = p.dir
		}
	}
	require.Greater(t, found, 80)
	for _, fragment := range []string{"is gone", "sending", "several queues", "so the flush has nothing to do.", "TCP and ICMP", "Several queues."} {
		require.False(t, standsAlone(fragment), fragment)
	}
}

// standsAlone reports whether a text is a sentence of more than three words.
func standsAlone(s string) bool {
	begins := s != strings.ToLower(s[:1])+s[1:] || s[0] == '/' || code.FindStringIndex(s) != nil && code.FindStringIndex(s)[0] == 0 || lowerNames[strings.Fields(s)[0]]
	return begins && strings.HasSuffix(s, ".") && len(strings.Fields(s)) > 3
}

// lowerNames are names that begin a sentence as they are.
var lowerNames = map[string]bool{"igb": true, "linux-3.10": true, "poll": true}

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
