package history

/*
#include <stdint.h>
#include <stdlib.h>
extern void kithBind(void *);
extern void kithInit(void *);
extern void kithLocal(void *);
extern void kithRead(void *, void *);
extern void kithDrop(void *);
static void *bind_fn(void) { return (void *)kithBind; }
static void *init_fn(void) { return (void *)kithInit; }
static void *local_fn(void) { return (void *)kithLocal; }
static void *read_fn(void) { return (void *)kithRead; }
static void *drop_fn(void) { return (void *)kithDrop; }
*/
import "C"

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime/cgo"
	"sync/atomic"
	"unsafe"

	m "github.com/duckdb/duckdb-go/v2/mapping"
)

// box gives DuckDB something of Go's to hold; kithDrop takes it back.
func box(v any) unsafe.Pointer {
	p := C.malloc(C.size_t(unsafe.Sizeof(cgo.Handle(0))))
	*(*cgo.Handle)(p) = cgo.NewHandle(v)
	return p
}

func unbox[T any](p unsafe.Pointer) T { return (*(*cgo.Handle)(p)).Value().(T) }

//export kithDrop
func kithDrop(p unsafe.Pointer) {
	(*(*cgo.Handle)(p)).Delete()
	C.free(p)
}

// reading is one table in one plan.
type reading struct {
	s      *session
	table  Table
	fields []Field
}

// pass is one run over a table: which of the fields, and which block is next.
type pass struct {
	*reading
	blocks int64
	next   atomic.Int64
	fields []int // those that are wanted
	place  []int // where they go in the chunk
}

// hand is what one thread of a pass is at.
type hand struct {
	block *Block
	at    int // row of the block
	rows  [chunkRows]uint32
	dicts []dict
}

// dict is a dictionary as DuckDB lays out texts, so that a row costs one copy of
// 16 bytes. Texts point into the strings of the engine, which the block holds.
type dict struct {
	of    []string
	texts []text
}

// rescue makes an error of a panic: no panic may reach C.
func rescue(set func(msg string)) {
	if r := recover(); r != nil {
		set(fmt.Sprint(r))
	}
}

//export kithBind
func kithBind(p unsafe.Pointer) {
	info := m.BindInfo{Ptr: p}
	defer rescue(func(msg string) { m.BindSetError(info, msg) })
	id, name := m.BindGetParameter(info, 0), m.BindGetParameter(info, 1)
	defer m.DestroyValue(&id)
	defer m.DestroyValue(&name)
	s, err := findSession(m.GetUInt64(id))
	if err != nil {
		m.BindSetError(info, err.Error())
		return
	}
	want := m.GetVarchar(name)
	for _, t := range s.view.Tables() {
		if t.Name() != want {
			continue
		}
		for _, f := range t.Fields() {
			lt := f.Type.logical()
			m.BindAddResultColumn(info, fieldName(f.Name), lt)
			m.DestroyLogicalType(&lt)
		}
		m.BindSetCardinality(info, m.IdxT(max(t.Rows(), 0)), false)
		m.BindSetBindData(info, box(&reading{s: s, table: t, fields: t.Fields()}), C.drop_fn())
		return
	}
	m.BindSetError(info, "there is no table "+want)
}

func (t FieldType) logical() m.LogicalType {
	switch t {
	case UInt:
		return m.CreateLogicalType(m.TypeUInteger)
	case UBigInt:
		return m.CreateLogicalType(m.TypeUBigInt)
	case BigInt:
		return m.CreateLogicalType(m.TypeBigInt)
	case Timestamp:
		return m.CreateLogicalType(m.TypeTimestamp)
	case Decimal:
		return m.CreateDecimalType(38, scale)
	case Bool:
		return m.CreateLogicalType(m.TypeBoolean)
	case JSON:
		return jsonType()
	}
	return m.CreateLogicalType(m.TypeVarchar)
}

//export kithInit
func kithInit(p unsafe.Pointer) {
	info := m.InitInfo{Ptr: p}
	defer rescue(func(msg string) { m.InitSetError(info, msg) })
	r := unbox[*reading](m.InitGetBindData(info))
	s := &pass{reading: r, blocks: int64(r.table.Blocks())}
	for i := range int(m.InitGetColumnCount(info)) {
		if c := uint64(m.InitGetColumnIndex(info, m.IdxT(i))); c < uint64(len(r.fields)) { // else: only the number of rows is wanted
			s.fields = append(s.fields, int(c))
			s.place = append(s.place, i)
		}
	}
	m.InitSetMaxThreads(info, m.IdxT(max(s.blocks, 1)))
	m.InitSetInitData(info, box(s), C.drop_fn())
}

//export kithLocal
func kithLocal(p unsafe.Pointer) {
	m.InitSetInitData(m.InitInfo{Ptr: p}, box(&hand{}), C.drop_fn())
}

//export kithRead
func kithRead(p, out unsafe.Pointer) {
	info, ch := m.FunctionInfo{Ptr: p}, m.DataChunk{Ptr: out}
	defer rescue(func(msg string) { m.FunctionSetError(info, msg) })
	s, l := unbox[*pass](m.FunctionGetInitData(info)), unbox[*hand](m.FunctionGetLocalInitData(info))
	for {
		if l.block == nil {
			b := s.next.Add(1) - 1
			if b >= s.blocks {
				m.DataChunkSetSize(ch, 0)
				return
			}
			block, err := s.table.Read(int(b), s.fields)
			if err == nil && block != nil && len(block.Cols) < len(s.fields) {
				err = errors.New("table " + s.table.Name() + " gave a block without the fields")
			}
			if err != nil {
				s.s.fails(err)
				m.FunctionSetError(info, err.Error())
				return
			}
			l.block, l.at = block, 0
			if block == nil {
				continue
			}
		}
		if n := l.fill(s, ch); n > 0 {
			m.DataChunkSetSize(ch, m.IdxT(n))
			return
		}
		l.block = nil
	}
}

// fill writes the next rows of the block into a chunk and tells how many.
func (l *hand) fill(s *pass, ch m.DataChunk) int {
	b := l.block
	from, n := l.at, min(chunkRows, b.N-l.at)
	if n <= 0 {
		return 0
	}
	var rows []uint32 // nil: n rows, beginning with from
	if b.Keep != nil {
		rows = l.kept()
		if n = len(rows); n == 0 {
			return 0
		}
		if last := int(rows[n-1]); last-int(rows[0]) == n-1 {
			from, rows = int(rows[0]), nil
		}
	} else {
		l.at += n
	}
	if l.dicts == nil {
		l.dicts = make([]dict, len(s.fields))
	}
	for i, f := range s.fields {
		vec := m.DataChunkGetVector(ch, m.IdxT(s.place[i]))
		data := m.VectorGetData(vec)
		v := &b.Cols[i]
		switch s.reading.fields[f].Type {
		case UInt:
			gather(data, v.U32, from, n, rows)
		case UBigInt:
			gather(data, v.U64, from, n, rows)
		case BigInt, Timestamp:
			gather(data, v.I64, from, n, rows)
		case Decimal:
			gather(data, v.Dec, from, n, rows)
		case Bool:
			gather(data, v.Bool, from, n, rows)
		default:
			l.texts(&l.dicts[i], unsafe.Slice((*text)(data), n), v, from, rows)
		}
		if v.Null != nil {
			missing(vec, v.Null, from, n, rows)
		}
	}
	return n
}

// kept collects the next rows of the block that exist.
func (l *hand) kept() []uint32 {
	b, n := l.block, 0
	for l.at < b.N && n < chunkRows {
		word := b.Keep[l.at>>6] >> (l.at & 63)
		if word == 0 {
			l.at = (l.at | 63) + 1
			continue
		}
		if l.at += bits.TrailingZeros64(word); l.at < b.N {
			l.rows[n] = uint32(l.at)
			n++
		}
		l.at++
	}
	return l.rows[:n]
}

func gather[T any](to unsafe.Pointer, from []T, at, n int, rows []uint32) {
	dst := unsafe.Slice((*T)(to), n)
	if rows == nil {
		copy(dst, from[at:at+n])
		return
	}
	for i, r := range rows {
		dst[i] = from[r]
	}
}

// missing marks the rows that have no value.
func missing(vec m.Vector, null []uint64, from, n int, rows []uint32) {
	m.VectorEnsureValidityWritable(vec)
	ok := unsafe.Slice((*uint64)(m.VectorGetValidity(vec)), (n+63)/64)
	if rows == nil && from&63 == 0 {
		for i := range ok {
			ok[i] = ^null[from>>6+i]
		}
		return
	}
	for i := range n {
		r := from + i
		if rows != nil {
			r = int(rows[i])
		}
		if null[r>>6]>>(r&63)&1 == 1 {
			ok[i>>6] &^= 1 << (i & 63)
		}
	}
}

// maxTexts is up to how many entries a dictionary is laid out at once; of a
// larger one, each text is made when a row has it.
const maxTexts = 1 << 16

func (l *hand) texts(d *dict, dst []text, v *Vector, from int, rows []uint32) {
	row := func(i int) int {
		if rows != nil {
			return int(rows[i])
		}
		return from + i
	}
	if v.Codes == nil {
		for i := range dst {
			dst[i].set(view(v.Str[row(i)]))
		}
		return
	}
	if len(v.Dict) > maxTexts {
		for i := range dst {
			if c := v.Codes[row(i)]; int(c) < len(v.Dict) {
				dst[i].set(view(v.Dict[c]))
			} else {
				dst[i] = text{} // the code of a row that has no value
			}
		}
		return
	}
	if len(d.of) != len(v.Dict) || len(d.of) > 0 && &d.of[0] != &v.Dict[0] {
		d.of, d.texts = v.Dict, make([]text, len(v.Dict))
		for i, s := range v.Dict {
			d.texts[i].set(view(s))
		}
	}
	for i := range dst {
		if c := v.Codes[row(i)]; int(c) < len(d.texts) {
			dst[i] = d.texts[c]
		} else {
			dst[i] = text{}
		}
	}
}

func registerTable(c *conn) error {
	f := m.CreateTableFunction()
	defer m.DestroyTableFunction(&f)
	m.TableFunctionSetName(f, "kith_table")
	for _, t := range []m.Type{m.TypeUBigInt, m.TypeVarchar} {
		lt := m.CreateLogicalType(t)
		m.TableFunctionAddParameter(f, lt)
		m.DestroyLogicalType(&lt)
	}
	m.TableFunctionSetBind(f, C.bind_fn())
	m.TableFunctionSetInit(f, C.init_fn())
	m.TableFunctionSetLocalInit(f, C.local_fn())
	m.TableFunctionSetFunction(f, C.read_fn())
	m.TableFunctionSupportsProjectionPushdown(f, true)
	if m.RegisterTableFunction(c.c, f) == m.StateError {
		return errors.New("function kith_table was refused")
	}
	return nil
}
