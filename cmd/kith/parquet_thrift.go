package main

import "encoding/binary"

// thrift writes structs in the compact protocol, which Parquet's headers are in.
type thrift struct {
	b     []byte
	last  int16
	outer []int16
}

// The types of fields.
const (
	thriftTrue, thriftFalse, thriftI32, thriftI64, thriftBinary, thriftList, thriftStruct = 1, 2, 5, 6, 8, 9, 12
)

func (t *thrift) field(id int16, of byte) {
	if d := id - t.last; d > 0 && d < 16 {
		t.b = append(t.b, byte(d)<<4|of)
	} else {
		t.b = binary.AppendVarint(append(t.b, of), int64(id))
	}
	t.last = id
}

func (t *thrift) i32(id int16, v int32) {
	t.field(id, thriftI32)
	t.b = binary.AppendVarint(t.b, int64(v))
}
func (t *thrift) i64(id int16, v int64)   { t.field(id, thriftI64); t.b = binary.AppendVarint(t.b, v) }
func (t *thrift) text(id int16, s string) { t.field(id, thriftBinary); t.bare(s) }

func (t *thrift) fact(id int16, v bool) {
	if v {
		t.field(id, thriftTrue)
	} else {
		t.field(id, thriftFalse)
	}
}

// bare writes a string that is an element of a list.
func (t *thrift) bare(s string) { t.b = append(binary.AppendUvarint(t.b, uint64(len(s))), s...) }

// list begins a list of n elements.
func (t *thrift) list(id int16, of byte, n int) {
	t.field(id, thriftList)
	if n < 15 {
		t.b = append(t.b, byte(n)<<4|of)
	} else {
		t.b = binary.AppendUvarint(append(t.b, 0xf0|of), uint64(n))
	}
}

// open begins a struct that is an element of a list; with an id, a field.
func (t *thrift) open(id int16) {
	if id > 0 {
		t.field(id, thriftStruct)
	}
	t.outer = append(t.outer, t.last)
	t.last = 0
}

// close ends a struct.
func (t *thrift) close() {
	t.b = append(t.b, 0)
	t.last, t.outer = t.outer[len(t.outer)-1], t.outer[:len(t.outer)-1]
}

// pageHeader says how long a page of data is.
func pageHeader(plain, packed, rows int) []byte {
	const rle = 3
	t := &thrift{}
	t.open(0)
	t.i32(1, 0) // a page of data
	t.i32(2, int32(plain))
	t.i32(3, int32(packed))
	t.open(5)
	t.i32(1, int32(rows))
	t.i32(2, 0) // plain
	t.i32(3, rle)
	t.i32(4, rle)
	t.close()
	t.close()
	return t.b
}

// footer says what stands where.
func (p *parquetWriter) footer() []byte {
	t := &thrift{}
	t.open(0)
	t.i32(1, 1) // version of the format
	t.list(2, thriftStruct, len(p.cols)+1)
	t.open(0)
	t.text(4, "rows")
	t.i32(5, int32(len(p.cols)))
	t.close()
	for _, c := range p.cols {
		c.schema(t)
	}
	t.i64(3, p.total)
	t.list(4, thriftStruct, len(p.groups))
	for _, g := range p.groups {
		p.group(t, g)
	}
	t.text(6, "kith")
	t.close()
	return t.b
}

// schema writes what a column is.
func (c *parquetColumn) schema(t *thrift) {
	t.open(0)
	t.i32(1, c.kind)
	if c.kind == physFixed {
		t.i32(2, 16)
	}
	t.i32(3, 1) // optional
	t.text(4, c.name)
	if c.converted != convNone && (c.converted != convMicros || c.utc) {
		t.i32(6, c.converted)
	}
	if c.converted == convDecimal {
		t.i32(7, c.scale)
		t.i32(8, c.precision)
	}
	if c.converted == convMicros {
		t.open(10) // logical type
		t.open(8)  // an instant
		t.fact(1, c.utc)
		t.open(2) // its unit
		t.open(2) // microseconds
		t.close()
		t.close()
		t.close()
		t.close()
	}
	t.close()
}

// group writes where the columns of a group stand.
func (p *parquetWriter) group(t *thrift, g parquetGroup) {
	const zstdCodec, plainCode, rleCode = 6, 0, 3
	t.open(0)
	t.list(1, thriftStruct, len(g.chunks))
	for i, x := range g.chunks {
		t.open(0)
		t.i64(2, x.at)
		t.open(3)
		t.i32(1, p.cols[i].kind)
		t.list(2, thriftI32, 2)
		t.b = binary.AppendVarint(binary.AppendVarint(t.b, plainCode), rleCode)
		t.list(3, thriftBinary, 1)
		t.bare(p.cols[i].name)
		t.i32(4, zstdCodec)
		t.i64(5, x.values)
		t.i64(6, x.plain)
		t.i64(7, x.packed)
		t.i64(9, x.at)
		t.close()
		t.close()
	}
	t.i64(2, g.bytes)
	t.i64(3, g.rows)
	t.close()
}
