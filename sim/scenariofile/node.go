package scenariofile

import (
	"encoding/json"
	"slices"
	"strconv"
)

// A nodeKind is what a node is.
type nodeKind uint8

const (
	null nodeKind = iota
	boolean
	number // text is a number as JSON has it
	str
	list
	mapping
)

// An origin is where a node was written: a place of the file, counted from 1,
// or a Set, counted from 1.
type origin struct {
	line, column int
	set          int
}

// A node is a piece of YAML with its origin. It is what a scenario file is until
// everything about it that can be wrong has been looked at: a struct would
// remember neither the order, nor the spelling, nor the place.
type node struct {
	kind   nodeKind
	text   string // of a scalar
	items  []*node
	fields []field
	at     origin
}

// A field is one key of a mapping.
type field struct {
	key   string
	at    origin
	value *node
}

// get returns the value of a key, nil if there is none.
func (n *node) get(key string) *node {
	if f := n.field(key); f != nil {
		return f.value
	}
	return nil
}

func (n *node) field(key string) *field {
	if n == nil || n.kind != mapping {
		return nil
	}
	for i := range n.fields {
		if n.fields[i].key == key {
			return &n.fields[i]
		}
	}
	return nil
}

// put sets the value of a key, which keeps its place if it was there.
func (n *node) put(key string, value *node) {
	if f := n.field(key); f != nil {
		f.value, f.at = value, value.at
		return
	}
	n.fields = append(n.fields, field{key, value.at, value})
}

// remove deletes a key.
func (n *node) remove(key string) {
	n.fields = slices.DeleteFunc(n.fields, func(f field) bool { return f.key == key })
}

// child returns the node under one token of a path: a key of a mapping or an
// index of a list; nil if there is none.
func (n *node) child(token string) *node {
	if n != nil && n.kind == list {
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(n.items) {
			return n.items[i]
		}
		return nil
	}
	return n.get(token)
}

// locate returns the node at p and where it was written: the key of a mapping's
// value, else the value itself. If there is none, it returns nil and the place of the nearest
// node above.
func (n *node) locate(p path) (*node, origin) {
	at := n.at
	for i, token := range p {
		f := n.field(token)
		next := n.child(token)
		if next == nil {
			return nil, at
		}
		at = next.at
		if f != nil && (i < len(p)-1 || next.kind >= list) {
			at = f.at
		}
		n = next
	}
	return n, at
}

// any converts n to what encoding/json and the schema validator understand.
func (n *node) any() any {
	switch n.kind {
	case boolean:
		return n.text == "true"
	case number:
		return json.Number(n.text)
	case str:
		return n.text
	case list:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			out[i] = item.any()
		}
		return out
	case mapping:
		out := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			out[f.key] = f.value.any()
		}
		return out
	}
	return nil
}

// describe prints a value for a fault: as it was written, or what it is.
func (n *node) describe() string {
	switch n.kind {
	case null:
		return "nothing"
	case str:
		return strconv.Quote(clip(n.text))
	case list:
		return "a list"
	case mapping:
		return "a mapping"
	}
	return clip(n.text)
}

// clip shortens a text that is quoted in a fault.
func clip(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

// copy returns a deep copy.
func (n *node) copy() *node {
	c := *n
	c.items = make([]*node, len(n.items))
	for i, item := range n.items {
		c.items[i] = item.copy()
	}
	c.fields = make([]field, len(n.fields))
	for i, f := range n.fields {
		c.fields[i] = field{f.key, f.at, f.value.copy()}
	}
	return &c
}

// size returns the number of nodes.
func (n *node) size() int {
	size := 1
	for _, item := range n.items {
		size += item.size()
	}
	for _, f := range n.fields {
		size += f.value.size()
	}
	return size
}
