package source

import "strconv"

// write appends the call as a line of the specification, and says whether the
// row can be taken. nth is the call's place among those of the row.
func (c *call) write(r *row, nth int) bool {
	dst := append(r.out, `{"type":"`...)
	dst = append(append(dst, c.kind...), '"')
	ok := true
	member := func(key string, v value) {
		if v.kind != nothing {
			dst = append(append(append(dst, `,"`...), key...), `":`...)
			dst = appendString(dst, r.bytes(v))
		}
	}
	needed := func(key, code string, e *expr) {
		if e == nil || !ok {
			return
		}
		v := e.eval(r)
		if v.kind == nothing {
			v = r.fail(code, e)
		}
		if ok = v.kind != failed; ok {
			member(key, v)
		}
	}
	name := "name"
	if c.kind == "track" {
		name = "event"
	}
	needed(name, "missing_event", c.name)
	needed("groupId", "missing_group", c.group)
	needed("previousId", "missing_previous", c.previous)
	if ok && r.in.id != nil {
		var v value
		v, ok = r.messageID(nth)
		member("messageId", v)
	}
	if !ok {
		return false
	}
	for i := range r.in.people {
		switch r.in.people[i].space {
		case "user_id":
			member("userId", r.ids[i])
		case "anonymous_id":
			member("anonymousId", r.ids[i])
		}
	}
	member("timestamp", r.stamp)
	for _, t := range [...]*tree{c.properties, c.traits, c.context} {
		if t == nil {
			continue
		}
		at := len(dst)
		with, any := t.write(r, append(dst, ','))
		if dst = with; !any {
			dst = dst[:at]
		}
		if r.code != "" {
			return false
		}
	}
	r.out = append(dst, '}')
	return true
}

// messageID joins the source with the columns of the id.
func (r *row) messageID(nth int) (value, bool) {
	for _, e := range r.in.id { // evaluated before room is written to
		if v := e.eval(r); v.kind == failed || v.kind == nothing {
			if v.kind == nothing {
				r.fail("bad_id", e)
			}
			return value{}, false
		}
	}
	id := append([]byte(nil), r.in.source...)
	for i, e := range r.in.id {
		id = append(id, ":/"[min(i, 1)])
		id = append(id, r.bytes(e.eval(r))...)
	}
	if nth > 0 {
		id = strconv.AppendInt(append(id, '#'), int64(nth+1), 10)
	}
	return textOf(id), true
}

// write appends the member, and says whether there was anything to write. A
// row that is refused has its code.
func (t *tree) write(r *row, dst []byte) ([]byte, bool) {
	dst = append(dst, t.prefix...)
	if t.value != nil {
		v := t.value.eval(r)
		if v.kind == nothing || v.kind == failed {
			return dst, false
		}
		return writeValue(dst, v), true
	}
	open, closed := byte('{'), byte('}')
	if t.list {
		open, closed = '[', ']'
	}
	dst = append(dst, open)
	any := false
	for _, n := range t.nodes {
		at := len(dst)
		if any {
			dst = append(dst, ',')
		}
		with, ok := n.write(r, dst)
		if r.code != "" {
			return with, false
		}
		if dst = with; !ok {
			dst = dst[:at]
		}
		any = any || ok
	}
	if t.all && r.object != nil {
		dst, any = t.members(r, dst, any)
	}
	if t.others {
		for i, o := range r.others {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(append(dst, `{"id":`...), r.bytes(o.value))
			dst = append(appendString(append(dst, `,"type":`...), []byte(o.space)), '}')
			any = true
		}
	}
	return append(dst, closed), any
}
