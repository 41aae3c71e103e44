package source

// What a row can end in beside a code: it is no row, or it was left out.
const (
	skipped = "\x00skipped"
	left    = "\x00left"
)

// row is one row while it is mapped. It is used again for the next.
type row struct {
	in     *Input
	record record   // of CSV
	fields [][]byte // of CSV and logs
	values []value  // of JSON, in the order of in.columns
	object []byte   // of JSON: the row

	room   []byte  // texts that were made
	stack  []value // arguments of the functions under way
	clock  clock
	line   int64
	ids    []value
	others []other // further identifiers
	out    []byte  // calls
	ends   []int   // where each call ends in out
	stamp  value
	period period

	code, path string // why the row is refused
}

// other is an identifier beside those that have a place of their own.
type other struct {
	space string
	value value
}

func (r *row) reset() {
	r.room, r.out, r.ends = r.room[:0], r.out[:0], r.ends[:0]
	r.ids, r.others = r.ids[:0], r.others[:0]
	r.code, r.path = "", ""
}

// cut takes the row at the beginning of the piece apart.
func (r *row) cut(piece []byte) (n int, code string) {
	switch r.in.format.kind {
	case "csv":
		return r.cutCSV(piece)
	case "log":
		return r.cutLog(piece)
	}
	return r.cutJSON(piece)
}

// cell gives what stands in a column.
func (r *row) cell(i int) value {
	if r.fields == nil {
		return r.values[i]
	}
	return r.in.cellOf(r.fields[i])
}

// cellOf gives a text, or nothing where there are blanks only, or a word that
// the mapping says stands for nothing.
func (in *Input) cellOf(b []byte) value {
	if len(b) == 0 || b[0] <= ' ' && len(trimSpace(b)) == 0 {
		return value{}
	}
	for _, word := range in.format.empty {
		if string(b) == word {
			return value{}
		}
	}
	return value{kind: text, text: b}
}

// run makes the calls of the row.
func (r *row) run() (code string) {
	in := r.in
	if in.except != nil {
		switch v := in.except.eval(r); {
		case v.kind == failed:
			return r.code
		case v.isTrue():
			return left
		}
	}
	for i := range in.rules {
		rule := &in.rules[i]
		if rule.when != nil {
			v := rule.when.eval(r)
			if v.kind == failed {
				return r.code
			}
			if !v.isTrue() {
				continue
			}
		}
		return r.make(rule)
	}
	return "no_rule"
}

// make writes the calls of a rule.
func (r *row) make(rule *rule) (code string) {
	if !r.identify() || !r.when() {
		return r.code
	}
	for i := range rule.calls {
		c := &rule.calls[i]
		if c.when != nil {
			v := c.when.eval(r)
			if v.kind == failed {
				return r.code
			}
			if !v.isTrue() {
				continue
			}
		}
		if !c.write(r, i) {
			return r.code
		}
		r.ends = append(r.ends, len(r.out))
	}
	return ""
}

// identify finds who the row is about.
func (r *row) identify() bool {
	any := false
	for i := range r.in.people {
		id := &r.in.people[i]
		main := value{}
		for k := range id.values {
			v := r.choice(&id.values[k])
			switch {
			case v.kind == failed:
				return false
			case v.kind == nothing:
				continue
			case v.kind == numeric:
				v = textOf(r.bytes(v))
			case v.kind == raw:
				r.fail("bad_id", id.values[k].value)
				return false
			}
			any = true
			if main.kind == nothing && !id.external {
				main = v
			} else if string(v.text) != string(main.text) {
				r.others = append(r.others, other{id.space, v})
			}
		}
		r.ids = append(r.ids, main)
	}
	if !any {
		r.code = "no_identity"
	}
	return any
}

func (r *row) choice(c *choice) value {
	if c.when != nil {
		if v := c.when.eval(r); !v.isTrue() {
			if v.kind == failed {
				return v
			}
			return value{}
		}
	}
	return c.value.eval(r)
}

// when finds out when the row happened.
func (r *row) when() bool {
	w := r.in.time
	if r.stamp = (value{}); w == nil {
		return true
	}
	v := w.value.eval(r)
	if v.kind == nothing {
		r.fail("bad_date", w.value)
		return false
	}
	if v.kind != failed {
		g := w.reading
		g.zone = r.in.zone
		v = r.instant(g, v, w.value)
	}
	r.stamp = v
	return v.kind != failed
}
