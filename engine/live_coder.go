package engine

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/kithdb/kith/query"
)

// saver writes what saved reads: uvarints, varints, and texts behind their
// lengths. The first error stays. What is veiled in memory is written plain: the
// file is sealed.
type saver struct {
	w    *bufio.Writer
	veil *veil
	buf  []byte
	err  error
}

// secretValue is added to the type of a value that is veiled in memory.
const secretValue = 1 << 7

func (s *saver) put(p []byte) {
	if s.err == nil {
		_, s.err = s.w.Write(p)
	}
}

func (s *saver) number(n uint64) {
	s.buf = binary.AppendUvarint(s.buf[:0], n)
	s.put(s.buf)
}

func (s *saver) signed(n int64) {
	s.buf = binary.AppendVarint(s.buf[:0], n)
	s.put(s.buf)
}

func (s *saver) text(t string) {
	s.number(uint64(len(t)))
	s.put([]byte(t))
}

func (s *saver) fact(is bool) {
	if is {
		s.number(1)
	} else {
		s.number(0)
	}
}

func (s *saver) decimal(d query.Dec) {
	s.number(d.Lo)
	s.signed(d.Hi)
}

func (s *saver) datum(d query.Datum) {
	as := uint64(d.As)
	if d.Secret {
		d, as = s.veil.show(d), as|secretValue
	}
	s.number(as)
	switch d.As {
	case query.Text, query.List:
		s.text(d.Text)
	case query.Number:
		s.decimal(d.Num)
	case query.Bool:
		s.fact(d.Bool)
	case query.Time:
		s.signed(d.Time)
	}
}

// rowSaver writes rows, ascending, by their distances.
type rowSaver struct {
	s    *saver
	last uint32
}

func (s *saver) rows(n int) *rowSaver {
	s.number(uint64(n))
	return &rowSaver{s: s}
}

func (r *rowSaver) next(row uint32) {
	r.s.number(uint64(row - r.last))
	r.last = row
}

// matches writes what a leaf keeps.
func (s *saver) matches(of map[uint32][]query.Match) {
	rows := s.rows(len(of))
	for _, f := range slices.Sorted(maps.Keys(of)) {
		rows.next(f)
		s.number(uint64(len(of[f])))
		last := int64(0)
		for _, m := range of[f] {
			s.signed(m.TS - last)
			s.signed(m.Received)
			s.text(m.Message)
			s.number(uint64(len(m.Vals)))
			for _, v := range m.Vals {
				s.datum(v)
			}
			last = m.TS
		}
	}
}

// saved reads what saver writes. After the first error, which stays, it reads zeros.
type saved struct {
	r    *bufio.Reader
	veil *veil
	err  error
}

func (in *saved) fail(err error) {
	if in.err == nil && err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		in.err = err
	}
}

// end sees to it that nothing follows, and that nothing is missing.
func (in *saved) end() {
	if in.err != nil {
		return
	}
	_, err := in.r.ReadByte()
	switch {
	case err == nil:
		in.err = errors.New("it goes on behind its end")
	case !errors.Is(err, io.EOF):
		in.err = err
	}
}

func (in *saved) number() uint64 {
	if in.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(in.r)
	in.fail(err)
	return n
}

func (in *saved) signed() int64 {
	if in.err != nil {
		return 0
	}
	n, err := binary.ReadVarint(in.r)
	in.fail(err)
	return n
}

// count gives how many follow, as long as there is no error.
func (in *saved) count() iter.Seq[int] {
	n := in.number()
	return func(yield func(int) bool) {
		for i := 0; uint64(i) < n && in.err == nil; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

func (in *saved) text() string {
	n := in.number()
	if n == 0 {
		return ""
	}
	var p []byte
	for n > 0 && in.err == nil { // a length that is wrong takes no memory
		some := make([]byte, min(n, 1<<16))
		_, err := io.ReadFull(in.r, some)
		in.fail(err)
		p, n = append(p, some...), n-uint64(len(some))
	}
	return string(p)
}

func (in *saved) fact() bool { return in.number() == 1 }

func (in *saved) decimal() query.Dec { return query.Dec{Lo: in.number(), Hi: in.signed()} }

func (in *saved) datum() query.Datum {
	as := in.number()
	d := query.Datum{As: query.Type(as &^ secretValue), Secret: as&secretValue != 0}
	switch d.As {
	case query.Text, query.List:
		d.Text = in.text()
	case query.Number:
		d.Num = in.decimal()
	case query.Bool:
		d.Bool = in.fact()
	case query.Time:
		d.Time = in.signed()
	}
	if d.Secret {
		d = in.veil.hide(d)
	}
	return d
}

// rows gives rows as a rowSaver wrote them.
func (in *saved) rows() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		last := uint32(0)
		for range in.count() {
			last += uint32(in.number())
			if in.err != nil || !yield(last) {
				return
			}
		}
	}
}

func (in *saved) matches() map[uint32][]query.Match {
	out := map[uint32][]query.Match{}
	for f := range in.rows() {
		var list []query.Match
		last := int64(0)
		for range in.count() {
			m := query.Match{TS: last + in.signed(), Received: in.signed(), Message: in.text()}
			for range in.count() {
				m.Vals = append(m.Vals, in.datum())
			}
			last = m.TS
			list = append(list, m)
		}
		out[f] = list
	}
	return out
}
