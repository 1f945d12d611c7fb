package mib

import (
	"reflect"
	"slices"
)

// Sub returns s with every counter reduced by what before has of it. Levels,
// addresses and names stay. Devices, CPUs and interrupts are matched by their
// place, lines of `ethtool -S` by their place and name, sockets by their inode:
// those that came since keep all they counted.
func (s Snapshot) Sub(before Snapshot) Snapshot {
	s.TimePS -= before.TimePS
	s.Processes -= before.Processes
	subFields(reflect.ValueOf(&s.Net).Elem(), reflect.ValueOf(before.Net))
	s.CPUs = append([]CPU{}, s.CPUs...)
	for i := range min(len(s.CPUs), len(before.CPUs)) {
		level, input := s.CPUs[i].BacklogLen, s.CPUs[i].InputQueueLen
		subFields(reflect.ValueOf(&s.CPUs[i]).Elem(), reflect.ValueOf(before.CPUs[i]))
		s.CPUs[i].BacklogLen, s.CPUs[i].InputQueueLen = level, input
	}
	s.Devices = append([]Device{}, s.Devices...)
	for i := range min(len(s.Devices), len(before.Devices)) {
		d, o := &s.Devices[i], &before.Devices[i]
		subFields(reflect.ValueOf(&d.Link).Elem(), reflect.ValueOf(o.Link))
		d.RXOtherhostDropped -= o.RXOtherhostDropped
		d.Stats = append([]NameValue{}, d.Stats...)
		for j := range min(len(d.Stats), len(o.Stats)) {
			if d.Stats[j].Name == o.Stats[j].Name {
				d.Stats[j].Value = since(d.Stats[j].Value, o.Stats[j].Value)
			}
		}
	}
	s.IRQs = append([]IRQ{}, s.IRQs...)
	for i := range min(len(s.IRQs), len(before.IRQs)) {
		s.IRQs[i].Counts = append([]uint64{}, s.IRQs[i].Counts...)
		for j := range min(len(s.IRQs[i].Counts), len(before.IRQs[i].Counts)) {
			s.IRQs[i].Counts[j] = since(s.IRQs[i].Counts[j], before.IRQs[i].Counts[j])
		}
	}
	s.Conntrack = append([]Conntrack(nil), s.Conntrack...)
	for i := range min(len(s.Conntrack), len(before.Conntrack)) {
		subFields(reflect.ValueOf(&s.Conntrack[i]).Elem(), reflect.ValueOf(before.Conntrack[i]))
	}
	old := map[uint64]*Socket{}
	for i := range before.Sockets {
		old[before.Sockets[i].Inode] = &before.Sockets[i]
	}
	s.Sockets = append([]Socket{}, s.Sockets...)
	for i := range s.Sockets {
		k := &s.Sockets[i]
		if o := old[k.Inode]; o != nil {
			k.Drops -= o.Drops
			k.Delivered -= o.Delivered
			k.Bytes -= o.Bytes
		}
	}
	s.Taps = slices.Clone(s.Taps)
	for i := range min(len(s.Taps), len(before.Taps)) {
		k, o := &s.Taps[i], &before.Taps[i]
		k.Packets -= o.Packets
		k.Drops -= o.Drops
		k.SKDrops -= o.SKDrops
		k.Bytes -= o.Bytes
	}
	return s
}

// since returns what a counter has counted since it was before. One that is lower
// now has begun anew meanwhile, as those of an interface do when its channels
// change (RX-38).
func since(now, before uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// addFields adds the whole numbers of o field by field.
func addFields(v, o reflect.Value) {
	for i := range v.NumField() {
		v.Field(i).SetUint(v.Field(i).Uint() + o.Field(i).Uint())
	}
}

// subFields subtracts whole numbers field by field, through nested structs and arrays.
func subFields(v, o reflect.Value) {
	switch v.Kind() {
	case reflect.Uint64:
		v.SetUint(since(v.Uint(), o.Uint()))
	case reflect.Int64:
		v.SetInt(v.Int() - o.Int())
	case reflect.Struct:
		for i := range v.NumField() {
			subFields(v.Field(i), o.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			subFields(v.Index(i), o.Index(i))
		}
	}
}
