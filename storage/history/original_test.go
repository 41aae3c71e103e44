package history

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/kithdb/kith"
)

// node is a JSON value that is being put together.
type node struct {
	key  string
	text []byte // of a leaf
	kids []*node
}

func (n *node) under(key string) *node {
	for _, k := range n.kids {
		if k.key == key && k.text == nil {
			return k
		}
	}
	k := &node{key: key}
	n.kids = append(n.kids, k)
	return k
}

// has reports whether there is a value of this name at the top.
func (n *node) has(key string) bool {
	for _, k := range n.kids {
		if k.key == key {
			return true
		}
	}
	return false
}

// leaf sets the value at a path. Where an event had both a scalar and an object
// under one key, which JSON allows and nobody means, both are written.
func (n *node) leaf(path string, value []byte) {
	at := n
	for _, e := range splitPath(path) {
		at = at.under(e)
	}
	if at.kids == nil {
		at.text = value
	}
}

func (n *node) string(key, value string) {
	if value != "" && !n.has(key) {
		n.kids = append(n.kids, &node{key: key, text: appendQuoted(nil, view(value))})
	}
}

func (n *node) time(key string, t int64) {
	if t != NoTime {
		n.string(key, time.UnixMicro(t).UTC().Format(time.RFC3339Nano))
	}
}

func (n *node) write(dst []byte) []byte {
	if n.text != nil {
		return append(dst, n.text...)
	}
	dst = append(dst, '{')
	for i, k := range n.kids {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, view(k.key)), ':')
		dst = k.write(dst)
	}
	return append(dst, '}')
}

// Original appends the whole event as one line of the specification, as the
// engine's view does, in a way of its own.
func (v *version) Original(dst []byte, r *Row) ([]byte, error) {
	top := &node{}
	kind := kith.Kind(r.Kind)
	top.string("type", kind.String())
	if kind == kith.Track {
		top.string("event", r.Name)
	} else {
		top.string("name", r.Name)
	}
	top.string("messageId", r.MessageID)
	cells := r.Cells
	if r.Sealed != nil {
		opened, err := v.Unseal(r.Fragment, r.Seq, r.Sealed)
		if err != nil {
			return nil, err
		}
		cells = append(opened[:len(opened):len(opened)], cells...)
	}
	type leaf struct {
		path  uint32
		value []byte
	}
	var leaves []leaf
	if !EachCell(cells, func(path uint32, value []byte) bool {
		leaves = append(leaves, leaf{path, value})
		return true
	}) {
		return nil, errors.New("the leaves of an event are not well formed")
	}
	slices.SortStableFunc(leaves, func(a, b leaf) int { return cmp.Compare(a.path, b.path) })
	for _, l := range leaves {
		if int(l.path) >= v.paths.Len() {
			return nil, errUnknownPath
		}
		top.leaf(v.paths.Path(l.path), l.value)
	}
	for _, f := range append([]uint32{r.Fragment}, r.Also...) {
		space, value, err := v.Identifier(f)
		if err != nil {
			return nil, err
		}
		switch space {
		case "user_id":
			top.string("userId", value)
		case "anonymous_id":
			top.string("anonymousId", value)
		}
	}
	top.time("timestamp", r.Time)
	top.time("originalTimestamp", r.Original)
	top.time("sentAt", r.Sent)
	top.time("receivedAt", r.Received)
	return top.write(dst), nil
}
