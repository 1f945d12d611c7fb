package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Case is one recorded experiment.
type Case struct {
	// File is its path in the folder it was read from.
	File string
	// Name, Group and Description are for people.
	Name, Group, Description string
	// Kernel is the version that was recorded: 6.18.44.
	Kernel string
	// Deterministic says that every run of the recording gave the same.
	Deterministic bool

	setup     setup
	stimulus  any
	observed  map[string]any
	prof      map[string]string // the profile, if it is not that of the version
	recorder  *machine          // what it was recorded on, if it says so
	noisyCPUs bool              // machine-wide counters are those of other programs, too
	on        openOn            // what it runs on; nil: a model
	seen      *seen             // what a recorder notes of a run; nil: expectations are checked
}

// document is the file of a case.
type document struct {
	Name          string          `json:"name"`
	Group         string          `json:"group"`
	Kernel        string          `json:"kernel"`
	Description   string          `json:"description"`
	Runs          int             `json:"runs"`
	Deterministic bool            `json:"deterministic"`
	Setup         json.RawMessage `json:"setup"`
	Stimulus      json.RawMessage `json:"stimulus"`
	Observed      json.RawMessage `json:"observed"`
	Noise         json.RawMessage `json:"noise"`
	Profile       json.RawMessage `json:"profile"`
	Machine       *machine        `json:"machine"`
	MachineWide   string          `json:"machine_wide_counters"`
	Contaminated  bool            `json:"machine_wide_counters_contaminated"`
}

// setup is what a case starts from.
type setup struct {
	Env            env               `json:"env"`
	Sysctls        json.RawMessage   `json:"sysctls"`
	SysctlsChanged map[string]string `json:"sysctls_changed"`
	Sockets        json.RawMessage   `json:"sockets"`
	InOpenOrder    []socketGroup     `json:"sockets_in_open_order"`
	RcvBufGot      any               `json:"SO_RCVBUF_got"`
	Before         []map[string]any  `json:"before_the_measured_part"`
	SocketsBefore  map[string]any    `json:"sockets_before"`
	RPSCPUs        int               `json:"rps_cpus"`
	WarmUp         int               `json:"warm_up_datagrams_under_these_sysctls"`
	Burst          string            `json:"burst"`
	Note           string            `json:"note"`
	sysctls        map[string]string // of the file that Sysctls names, or its own
	sockets        []socketSpec      // of Sockets or InOpenOrder
}

// env is the network of a case.
type env struct {
	Kind      string `json:"kind"` // lo, veth or tap
	RXDev     string `json:"rx_dev"`
	MTU       int    `json:"mtu"`
	RXAddr    string `json:"rx_addr"`
	TXAddr    string `json:"tx_addr"`
	PinnedCPU int    `json:"pinned_cpu"`
	RXMAC     string `json:"rx_mac"`
	TXMAC     string `json:"tx_mac"`
	RXGRO     bool   `json:"rx_gro"`
	XDPPass   bool   `json:"xdp_pass"`
	TXTSO     bool   `json:"tx_tso"`
	TXUSO     bool   `json:"tx_udp_segmentation_offload"`
	RXPath    string `json:"rx_path"`
	IFFNAPI   bool   `json:"iff_napi"`
}

type socketGroup struct {
	Count int        `json:"count"`
	Spec  socketSpec `json:"spec"`
}

// socketSpec is a socket as the recorder opened it.
type socketSpec struct {
	Bind         []any           `json:"bind"`
	Connect      []any           `json:"connect"`
	BindToDevice string          `json:"bindtodevice"`
	Join         json.RawMessage `json:"join"` // a group or a list of groups
	JoinIf       int             `json:"join_if"`
	Source       string          `json:"-"` // of a source-specific membership
	ReuseAddr    bool            `json:"reuseaddr"`
	ReusePort    bool            `json:"reuseport"`
	MulticastAll *int            `json:"mcast_all"`
	RcvBuf       *int            `json:"rcvbuf"`
	Asked        *int            `json:"SO_RCVBUF_asked"`
	Got          *int            `json:"SO_RCVBUF_got"`
	Force        *int            `json:"SO_RCVBUFFORCE"`
	RxqOvfl      int             `json:"SO_RXQ_OVFL"`
	UDPGRO       bool            `json:"UDP_GRO"`
	Filter       [][4]uint32     `json:"filt"`
	Count        int             `json:"count"`
	State        string          `json:"state"`
	Opened       string          `json:"opened"`
}

// Files returns the paths of all cases in a folder of recordings: DIR/cases, or
// the files of DIR itself, or the folders of several kernels.
func Files(fsys fs.FS) ([]string, error) {
	var out []string
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && strings.HasSuffix(p, ".json") && isCase(fsys, p) {
			out = append(out, p)
		}
		return nil
	})
	slices.Sort(out)
	return out, err
}

// isCase tells a case from the other files of a recording: those stand beside
// the folder cases.
func isCase(fsys fs.FS, p string) bool {
	if path.Base(path.Dir(p)) == "cases" {
		return true
	}
	base := path.Base(p)
	if base == "index.json" || base == "fields.json" || strings.HasPrefix(base, "sysctls_") {
		return false
	}
	_, err := fs.Stat(fsys, path.Join(path.Dir(p), "cases"))
	return err != nil && !strings.Contains("/"+p, "/samples/")
}

// Read reads a case. A key of the case or of its set-up that is not known is an
// error: it could change what happens.
func Read(fsys fs.FS, file string) (*Case, error) {
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, err
	}
	return parse(fsys, file, data)
}

// parse reads a case whose file has these bytes.
func parse(fsys fs.FS, file string, data []byte) (*Case, error) {
	c := &Case{File: file}
	var d document
	if err := strict(data, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	c.Name, c.Group, c.Kernel, c.Description, c.Deterministic = d.Name, d.Group, d.Kernel, d.Description, d.Deterministic
	c.noisyCPUs, c.recorder = d.Contaminated, d.Machine
	if len(d.Profile) > 0 {
		if err := strict(d.Profile, &c.prof); err != nil {
			return c, fmt.Errorf("%s: profile: %w", file, err)
		}
	}
	if d.Group == measured {
		return c, nil
	}
	if err := errors.Join(under("setup", strict(d.Setup, &c.setup)), under("stimulus", loose(d.Stimulus, &c.stimulus)),
		under("observed", loose(d.Observed, &c.observed)), c.setup.complete(fsys, file)); err != nil {
		return c, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// measured is the group of cases that say how long things took; no count in them
// is a kernel's.
const measured = "L"

func under(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// strict decodes JSON whose keys are all known.
func strict(data []byte, v any) error {
	if len(data) == 0 {
		return errors.New("missing")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// loose decodes JSON into plain values, whole numbers as int64.
func loose(data []byte, v any) error {
	if len(data) == 0 {
		return errors.New("missing")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	switch p := v.(type) {
	case *any:
		*p = plain(*p)
	case *map[string]any:
		for k, e := range *p { // Any order: every value becomes plain.
			(*p)[k] = plain(e)
		}
	}
	return nil
}

// plain makes whole numbers of json.Number, and lists of run-length codes.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for k, e := range v { // Any order: every value becomes plain.
			v[k] = plain(e)
		}
		if runs, ok := v["rle"].([]any); ok && len(v) == 1 {
			return unrolled(runs)
		}
	}
	return v
}

// maxUnrolled bounds the list that a run-length code may stand for.
const maxUnrolled = 1 << 20

// unrolled returns the list that [[count, value], ...] stands for.
func unrolled(runs []any) any {
	out := []any{}
	for _, r := range runs {
		pair, ok := r.([]any)
		if !ok || len(pair) != 2 {
			return runs
		}
		n, ok := pair[0].(int64)
		if !ok || n < 0 || n+int64(len(out)) > maxUnrolled {
			return runs
		}
		for range n {
			out = append(out, pair[1])
		}
	}
	return out
}

// complete reads what the set-up refers to.
func (s *setup) complete(fsys fs.FS, file string) error {
	if err := s.readSysctls(fsys, file); err != nil {
		return under("setup.sysctls", err)
	}
	for _, g := range s.InOpenOrder {
		for range max(g.Count, 1) {
			s.sockets = append(s.sockets, g.Spec)
		}
	}
	return under("setup.sockets", s.readSockets())
}

// readSysctls reads the settings: given in the case, or the name of a file
// beside the folder of cases; without either, the file of its kind of network.
func (s *setup) readSysctls(fsys fs.FS, file string) error {
	var name string
	switch {
	case len(s.Sysctls) == 0:
		name = "sysctls_" + s.Env.Kind + ".json"
	case json.Unmarshal(s.Sysctls, &name) != nil:
		own := map[string]string{}
		if err := json.Unmarshal(s.Sysctls, &own); err != nil {
			return err
		}
		base := setup{Env: s.Env}
		if err := base.readSysctls(fsys, file); err != nil {
			return err
		}
		s.sysctls = base.sysctls
		for k, v := range own { // Any order: keys are different.
			s.sysctls[k] = v
		}
		return nil
	}
	if !fs.ValidPath(name) {
		return fmt.Errorf("%q is no file name", name)
	}
	for _, dir := range []string{path.Dir(file), path.Dir(path.Dir(file))} {
		data, err := fs.ReadFile(fsys, path.Join(dir, name))
		if err == nil {
			return json.Unmarshal(data, &s.sysctls)
		}
	}
	if len(s.Sysctls) == 0 {
		s.sysctls = map[string]string{}
		return nil
	}
	return fmt.Errorf("%s: no such file beside the case", name)
}

// readSockets reads the list of sockets: as options, or in words.
func (s *setup) readSockets() error {
	if len(s.Sockets) == 0 {
		return nil
	}
	var words []string
	if json.Unmarshal(s.Sockets, &words) == nil {
		for _, w := range words {
			spec, err := membership(w)
			if err != nil {
				return err
			}
			s.sockets = append(s.sockets, spec)
		}
		return nil
	}
	var specs []socketSpec
	if err := strict(s.Sockets, &specs); err != nil {
		return err
	}
	for _, spec := range specs {
		for range max(spec.Count, 1) {
			s.sockets = append(s.sockets, spec)
		}
	}
	return nil
}

// membership reads "IP_ADD_MEMBERSHIP GROUP" and "IP_ADD_SOURCE_MEMBERSHIP GROUP
// from SOURCE".
func membership(s string) (socketSpec, error) {
	f := strings.Fields(s)
	spec := socketSpec{ReuseAddr: true, JoinIf: -1}
	switch {
	case len(f) == 2 && f[0] == "IP_ADD_MEMBERSHIP":
	case len(f) == 4 && f[0] == "IP_ADD_SOURCE_MEMBERSHIP" && f[2] == "from":
		spec.Source = f[3]
	default:
		return spec, fmt.Errorf("%q: want IP_ADD_MEMBERSHIP GROUP or IP_ADD_SOURCE_MEMBERSHIP GROUP from SOURCE", s)
	}
	spec.Join, _ = json.Marshal(f[1])
	return spec, nil
}
