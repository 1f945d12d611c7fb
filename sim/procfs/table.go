package procfs

import (
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// fields calls f with every counter of table, a counter struct of package mib
// or a pointer to one, in the order of its fields.
func fields(table any, f func(kernel string, value uint64)) {
	v := reflect.Indirect(reflect.ValueOf(table))
	for i := range v.NumField() {
		if name, ok := v.Type().Field(i).Tag.Lookup("kernel"); ok {
			f(name, v.Field(i).Uint())
		}
	}
}

// values returns the counters of table by kernel name, for lookup.
func values(table any) map[string]uint64 {
	m := make(map[string]uint64)
	fields(table, func(kernel string, value uint64) { m[kernel] = value })
	return m
}

// named returns the counters of table, each name with prefix before it.
func named(prefix string, table any) []mib.NameValue {
	var out []mib.NameValue
	fields(table, func(kernel string, value uint64) {
		out = append(out, mib.NameValue{Name: prefix + kernel, Value: value})
	})
	return out
}

// A row is a pair of lines of /proc/net/snmp or netstat, names above values.
// It models an array of struct snmp_mib.
type row struct {
	name string
	// columns are in the kernel's order.
	columns []string
	// idle is what a column shows that no counter stands behind; absent: 0.
	idle map[string]string
}

// write prints both lines in one walk over the columns.
func (r *row) write(w io.Writer, counters map[string]uint64) error {
	names, numbers := []string{r.name + ":"}, []string{r.name + ":"}
	for _, c := range r.columns {
		names = append(names, c)
		numbers = append(numbers, r.cell(c, counters))
	}
	_, err := io.WriteString(w, strings.Join(names, " ")+"\n"+strings.Join(numbers, " ")+"\n")
	return err
}

func (r *row) cell(column string, counters map[string]uint64) string {
	if v, ok := counters[column]; ok {
		return strconv.FormatUint(v, 10)
	}
	if s, ok := r.idle[column]; ok {
		return s
	}
	return "0"
}
