package history

/*
#include <stdint.h>
#include <stdlib.h>
extern void kithOwner(void *, void *, void *);
extern void kithOriginal(void *, void *, void *);
extern void kithLeaf(void *, void *, void *);
extern void kithText(void *, void *, void *);
extern void kithNumber(void *, void *, void *);
extern void kithBool(void *, void *, void *);
extern void kithJSON(void *, void *, void *);
extern void kithTime(void *, void *, void *);
extern void kithInSegment(void *, void *, void *);
extern void kithInList(void *, void *, void *);
static void *owner_fn(void) { return (void *)kithOwner; }
static void *original_fn(void) { return (void *)kithOriginal; }
static void *leaf_fn(void) { return (void *)kithLeaf; }
static void *text_fn(void) { return (void *)kithText; }
static void *number_fn(void) { return (void *)kithNumber; }
static void *bool_fn(void) { return (void *)kithBool; }
static void *json_fn(void) { return (void *)kithJSON; }
static void *time_fn(void) { return (void *)kithTime; }
static void *in_segment_fn(void) { return (void *)kithInSegment; }
static void *in_list_fn(void) { return (void *)kithInList; }
*/
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unsafe"

	m "github.com/duckdb/duckdb-go/v2/mapping"
)

// sessions finds the statement that a function or table of ours is called for:
// its number stands in the SQL of the view as the first argument.
var sessions struct {
	sync.RWMutex
	next uint64
	of   map[uint64]*session
}

// session is what one connection of database/sql is doing. A connection runs one
// statement at a time, so everything in here is of one version.
type session struct {
	id    uint64
	h     *History
	view  View
	parts map[uint64]*part
	owner [][]uint32

	mu      sync.Mutex // guards what follows
	failed  error      // what a function or table of ours said last: DuckDB hands on its text alone
	needles map[uint32][]byte
	members map[string][]uint64 // of the segments that the statement asks for, by name
	listed  map[string][]uint64 // and of the static lists
}

func newSession(h *History) *session {
	sessions.Lock()
	defer sessions.Unlock()
	sessions.next++
	s := &session{id: sessions.next, h: h}
	if sessions.of == nil {
		sessions.of = map[uint64]*session{}
	}
	sessions.of[s.id] = s
	return s
}

func (s *session) forget() {
	sessions.Lock()
	defer sessions.Unlock()
	delete(sessions.of, s.id)
}

var errSession = errors.New("this is for the views of history alone")

func findSession(id uint64) (*session, error) {
	sessions.RLock()
	defer sessions.RUnlock()
	if s := sessions.of[id]; s != nil && s.view != nil {
		return s, nil
	}
	return nil, errSession
}

// call is one call of a scalar function: a chunk of arguments and where the
// results go. The first argument is the number of the session.
type call struct {
	*session
	in  m.DataChunk
	out m.Vector
	n   int
	res unsafe.Pointer
	ok  []uint64 // of the results
}

// scalar runs f for one call, and makes an error of a panic: no panic may reach C.
func scalar(info, in, out unsafe.Pointer, f func(c *call) error) {
	defer func() {
		if r := recover(); r != nil {
			m.ScalarFunctionSetError(m.FunctionInfo{Ptr: info}, fmt.Sprint(r))
		}
	}()
	c := &call{in: m.DataChunk{Ptr: in}, out: m.Vector{Ptr: out}}
	if c.n = int(m.DataChunkGetSize(c.in)); c.n == 0 {
		return
	}
	var err error
	if c.session, err = findSession(column[uint64](c.in, 0, c.n)[0]); err == nil {
		m.VectorEnsureValidityWritable(c.out)
		c.res = m.VectorGetData(c.out)
		c.ok = unsafe.Slice((*uint64)(m.VectorGetValidity(c.out)), (c.n+63)/64)
		err = f(c)
	}
	if err != nil {
		c.fails(err)
		m.ScalarFunctionSetError(m.FunctionInfo{Ptr: info}, err.Error())
	}
}

// fails keeps an error that is about to pass through DuckDB.
func (s *session) fails(err error) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = err
}

// own gives the error of ours that DuckDB's is made of; nil: it is DuckDB's.
func (s *session) own(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil && strings.Contains(err.Error(), s.failed.Error()) {
		return s.failed
	}
	return nil
}

func results[T any](c *call) []T { return unsafe.Slice((*T)(c.res), c.n) }

func (c *call) null(i int) { c.ok[i>>6] &^= 1 << (i & 63) }

// text gives result i; DuckDB copies it.
func (c *call) text(i int, s []byte) {
	m.VectorAssignStringElementLen(c.out, m.IdxT(i), s)
}

//export kithOwner
func kithOwner(info, in, out unsafe.Pointer) {
	scalar(info, in, out, func(c *call) error {
		fragments, res := column[uint32](c.in, 1, c.n), results[uint32](c)
		for i, f := range fragments {
			if b := int(f >> 16); b < len(c.owner) && int(f&0xffff) < len(c.owner[b]) {
				res[i] = c.owner[b][f&0xffff]
			} else {
				res[i] = 0
				c.null(i)
			}
		}
		return nil
	})
}

//export kithInSegment
func kithInSegment(info, in, out unsafe.Pointer) {
	scalar(info, in, out, func(c *call) error {
		return c.among(func(name string) ([]uint64, error) { return c.once(c.members, name, c.view.Members) })
	})
}

//export kithInList
func kithInList(info, in, out unsafe.Pointer) {
	scalar(info, in, out, func(c *call) error {
		return c.among(func(name string) ([]uint64, error) { return c.once(c.listed, name, c.view.OnList) })
	})
}

// among tells of people by their numbers whether they are in what has a name.
func (c *call) among(find func(name string) ([]uint64, error)) error {
	names, named := column[text](c.in, 1, c.n), validity(c.in, 1, c.n)
	ids, there := column[uint32](c.in, 2, c.n), validity(c.in, 2, c.n)
	res := results[bool](c)
	var last string
	var set []uint64
	for i, id := range ids {
		if !valid(named, i) || !valid(there, i) {
			c.null(i)
			continue
		}
		if b := names[i].bytes(); set == nil || string(b) != last { // one name for all, nearly always
			last = string(b)
			var err error
			if set, err = find(last); err != nil {
				return err
			}
		}
		res[i] = int(id>>6) < len(set) && set[id>>6]>>(id&63)&1 == 1
	}
	return nil
}

// once asks for the people of a name once a statement.
func (s *session) once(known map[string][]uint64, name string, find func(string) ([]uint64, error)) ([]uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set, ok := known[name]
	if !ok {
		var err error
		if set, err = find(name); err != nil {
			return nil, err
		}
		if set == nil {
			set = []uint64{}
		}
		known[name] = set
	}
	return set, nil
}

//export kithOriginal
func kithOriginal(info, in, out unsafe.Pointer) {
	scalar(info, in, out, func(c *call) error {
		p := c.parts[column[uint64](c.in, 1, c.n)[0]]
		if p == nil || int(m.DataChunkGetColumnCount(c.in)) != 2+colShred+len(p.cols) {
			return errSession
		}
		d := c.h.newDecoder(p)
		d.load(c.in, c.n, 2)
		var line []byte
		for i := range c.n {
			r, err := d.row(i)
			if err != nil {
				return err
			}
			if line, err = c.view.Original(line[:0], &r); err != nil {
				return err
			}
			c.text(i, bytes.ToValidUTF8(line, []byte("\uFFFD")))
		}
		return nil
	})
}

//export kithLeaf
func kithLeaf(info, in, out unsafe.Pointer) {
	scalar(info, in, out, func(c *call) error {
		seqs, fragments := column[uint64](c.in, 1, c.n), column[uint32](c.in, 2, c.n)
		also, sealed, said := column[text](c.in, 3, c.n), column[text](c.in, 4, c.n), column[text](c.in, 5, c.n)
		hasAlso, hasSealed, hasSaid := validity(c.in, 3, c.n), validity(c.in, 4, c.n), validity(c.in, 5, c.n)
		path := column[uint32](c.in, 6, c.n)[0]
		head := append(append([]byte{'{'}, c.needle(path)...), ':')
		var r Row
		var buf []byte
		for i := range c.n {
			r = Row{Seq: seqs[i], Fragment: fragments[i], Also: r.Also[:0]}
			if valid(hasSealed, i) {
				r.Sealed = sealed[i].bytes()
			}
			if valid(hasSaid, i) {
				r.Said = said[i].bytes()
			}
			if valid(hasAlso, i) {
				r.Also = appendAlso(r.Also, also[i].bytes())
			}
			if r.Sealed == nil && r.Said == nil {
				c.null(i)
				continue
			}
			buf = append(buf[:0], head...)
			value, there, err := c.view.Leaf(buf, &r, path)
			if err != nil {
				return err
			}
			if buf = value; !there {
				c.null(i)
				continue
			}
			buf = append(buf, '}')
			c.text(i, buf)
		}
		return nil
	})
}

//export kithTime
func kithTime(info, in, out unsafe.Pointer) {
	scalar(info, in, out, func(c *call) error {
		which := int(column[uint8](c.in, 1, c.n)[0])
		if which >= timeKinds {
			return errSession
		}
		ts, hasTS := column[int64](c.in, 2, c.n), validity(c.in, 2, c.n)
		var near [timeKinds][]int32
		var far [timeKinds][]int64
		var there, isFar [timeKinds][]uint64
		for k := range near {
			near[k], there[k] = column[int32](c.in, 3+k, c.n), validity(c.in, 3+k, c.n)
			far[k], isFar[k] = column[int64](c.in, 3+timeKinds+k, c.n), validity(c.in, 3+timeKinds+k, c.n)
		}
		res := results[int64](c)
		for i := range c.n {
			base := int64(NoTime)
			if valid(hasTS, i) {
				base = ts[i]
			}
			var g [timeKinds]gap
			for k := range g {
				g[k] = gap{near[k][i], far[k][i], valid(isFar[k], i), valid(there[k], i)}
			}
			if res[i] = times(base, &g)[which]; !g[which].there {
				c.null(i)
			}
		}
		return nil
	})
}

// leaf runs f for every row whose rest has the path of the third argument.
func leaf(info, in, out unsafe.Pointer, f func(c *call, i int, value []byte) bool) {
	scalar(info, in, out, func(c *call) error {
		needle := c.needle(column[uint32](c.in, 2, c.n)[0])
		rests, there := column[text](c.in, 1, c.n), validity(c.in, 1, c.n)
		for i := range rests {
			if !valid(there, i) || !f(c, i, find(rests[i].bytes(), needle)) {
				c.null(i)
			}
		}
		return nil
	})
}

// needle gives the path as a key of rest, with its quotes.
func (s *session) needle(path uint32) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.needles[path]
	if b == nil {
		b = restKey(s.h.o.Paths.Path(path))
		if s.needles == nil {
			s.needles = map[uint32][]byte{}
		}
		s.needles[path] = b
	}
	return b
}

// find gives the value of a key of rest; nil: rest does not have it.
func find(rest, key []byte) []byte {
	if !bytes.Contains(rest, key) { // the usual case, and much the fastest
		return nil
	}
	var found []byte
	eachRest(rest, func(k, value []byte) bool {
		if bytes.Equal(k, key) {
			found = value
			return false
		}
		return true
	})
	return found
}

//export kithText
func kithText(info, in, out unsafe.Pointer) {
	leaf(info, in, out, func(c *call, i int, value []byte) bool {
		if len(value) == 0 || value[0] != '"' {
			return false
		}
		if _, asIs := plain(value); asIs {
			c.text(i, value[1:len(value)-1])
		} else {
			c.text(i, bytes.ToValidUTF8(unquote(nil, value), []byte("\uFFFD")))
		}
		return true
	})
}

//export kithJSON
func kithJSON(info, in, out unsafe.Pointer) {
	leaf(info, in, out, func(c *call, i int, value []byte) bool {
		if t, _ := typeOf(value); t != typeJSON {
			return false
		}
		c.text(i, bytes.ToValidUTF8(value, []byte("\uFFFD")))
		return true
	})
}

//export kithNumber
func kithNumber(info, in, out unsafe.Pointer) {
	leaf(info, in, out, func(c *call, i int, value []byte) bool {
		if t, _ := typeOf(value); t != typeNumber {
			return false
		}
		n, ok := parseNumber(value)
		results[int128](c)[i] = n.value
		return ok && n.fits
	})
}

//export kithBool
func kithBool(info, in, out unsafe.Pointer) {
	leaf(info, in, out, func(c *call, i int, value []byte) bool {
		t, _ := typeOf(value)
		results[bool](c)[i] = t == typeBool && value[0] == 't'
		return t == typeBool
	})
}

// jsonType gives the logical type that DuckDB's json extension calls JSON.
func jsonType() m.LogicalType {
	t := m.CreateLogicalType(m.TypeVarchar)
	m.LogicalTypeSetAlias(t, "JSON")
	return t
}

// registerFunctions makes our functions known to an instance.
func registerFunctions(c *conn) error {
	plainType := m.CreateLogicalType
	leaf := []m.Type{m.TypeUBigInt, m.TypeBlob, m.TypeUInteger}
	for _, f := range []struct {
		name string
		fn   unsafe.Pointer
		args []m.Type
		any  bool
		out  m.LogicalType
	}{
		{"kith_owner", C.owner_fn(), []m.Type{m.TypeUBigInt, m.TypeUInteger}, false, plainType(m.TypeUInteger)},
		{"kith_original", C.original_fn(), []m.Type{m.TypeUBigInt, m.TypeUBigInt}, true, plainType(m.TypeVarchar)},
		{"kith_time", C.time_fn(), []m.Type{m.TypeUBigInt, m.TypeUTinyInt, m.TypeTimestamp, m.TypeInteger, m.TypeInteger, m.TypeInteger, m.TypeBigInt, m.TypeBigInt, m.TypeBigInt}, false, plainType(m.TypeTimestamp)},
		{"kith_in_segment", C.in_segment_fn(), []m.Type{m.TypeUBigInt, m.TypeVarchar, m.TypeUInteger}, false, plainType(m.TypeBoolean)},
		{"kith_in_list", C.in_list_fn(), []m.Type{m.TypeUBigInt, m.TypeVarchar, m.TypeUInteger}, false, plainType(m.TypeBoolean)},
		{"kith_leaf", C.leaf_fn(), []m.Type{m.TypeUBigInt, m.TypeUBigInt, m.TypeUInteger, m.TypeBlob, m.TypeBlob, m.TypeBlob, m.TypeUInteger}, false, plainType(m.TypeBlob)},
		{"kith_text", C.text_fn(), leaf, false, plainType(m.TypeVarchar)},
		{"kith_json", C.json_fn(), leaf, false, plainType(m.TypeVarchar)},
		{"kith_bool", C.bool_fn(), leaf, false, plainType(m.TypeBoolean)},
		{"kith_number", C.number_fn(), leaf, false, m.CreateDecimalType(38, scale)},
	} {
		if err := registerScalar(c, f.name, f.fn, f.args, f.any, f.out); err != nil {
			return err
		}
	}
	for _, f := range pure {
		if err := registerScalar(c, f.name, f.fn, f.args, false, f.out()); err != nil {
			return err
		}
	}
	return registerTable(c)
}

func registerScalar(c *conn, name string, fn unsafe.Pointer, args []m.Type, rest bool, out m.LogicalType) error {
	defer m.DestroyLogicalType(&out)
	f := m.CreateScalarFunction()
	defer m.DestroyScalarFunction(&f)
	m.ScalarFunctionSetName(f, name)
	for _, a := range args {
		t := m.CreateLogicalType(a)
		if a == m.TypeDecimal {
			t = m.CreateDecimalType(38, scale)
		}
		m.ScalarFunctionAddParameter(f, t)
		m.DestroyLogicalType(&t)
	}
	if rest {
		t := m.CreateLogicalType(m.TypeAny)
		m.ScalarFunctionSetVarargs(f, t)
		m.DestroyLogicalType(&t)
	}
	m.ScalarFunctionSetSpecialHandling(f) // rows without a value are ours to see
	m.ScalarFunctionSetReturnType(f, out)
	m.ScalarFunctionSetFunction(f, fn)
	if m.RegisterScalarFunction(c.c, f) == m.StateError {
		return errors.New("function " + name + " was refused")
	}
	return nil
}
