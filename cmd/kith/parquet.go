package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/klauspost/compress/zstd"
)

// parquetWriter writes Parquet, a group of rows at a time, so that an answer of
// any size takes little memory. Pages are plain and packed with zstd. Decimals
// and whole numbers beyond 64 bits keep every digit; lists and structs are
// written as JSON.
type parquetWriter struct {
	w      *bufio.Writer
	z      *zstd.Encoder
	cols   []*parquetColumn
	rows   int   // in the group
	held   int   // bytes in the group
	total  int64 // rows in the groups that are written
	at     int64 // offset in the file
	groups []parquetGroup
}

// parquetGroup is where a group of rows stands.
type parquetGroup struct {
	rows, bytes int64
	chunks      []parquetChunk
}

type parquetChunk struct{ at, plain, packed, values int64 }

// A group ends with so many rows, or so many bytes.
const (
	groupRows  = 1 << 16
	groupBytes = 64 << 20
)

const parquetMagic = "PAR1"

func (p *parquetWriter) head(columns []engine.Column) error {
	var err error
	if p.z, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, c := range columns {
		name := c.Name
		for n := 1; taken[name]; n++ {
			name = c.Name + "_" + strconv.Itoa(n)
		}
		taken[name] = true
		p.cols = append(p.cols, newParquetColumn(name, c.Type))
	}
	return p.put([]byte(parquetMagic))
}

// put writes bytes and counts them.
func (p *parquetWriter) put(b []byte) error {
	p.at += int64(len(b))
	_, err := p.w.Write(b)
	return err
}

func (p *parquetWriter) row(cells [][]byte) error {
	for i, cell := range cells {
		before := len(p.cols[i].data)
		if err := p.cols[i].add(p.rows, cell); err != nil {
			return err
		}
		p.held += len(p.cols[i].data) - before
	}
	if p.rows++; p.rows == groupRows || p.held >= groupBytes {
		return p.flush()
	}
	return nil
}

// flush writes the group.
func (p *parquetWriter) flush() error {
	if p.rows == 0 {
		return nil
	}
	g := parquetGroup{rows: int64(p.rows)}
	for _, c := range p.cols {
		page := c.page(p.rows)
		packed := p.z.EncodeAll(page, nil)
		header := pageHeader(len(page), len(packed), p.rows)
		chunk := parquetChunk{
			at: p.at, values: int64(p.rows),
			plain: int64(len(header) + len(page)), packed: int64(len(header) + len(packed)),
		}
		if err := p.put(header); err != nil {
			return err
		}
		if err := p.put(packed); err != nil {
			return err
		}
		g.bytes += chunk.plain
		g.chunks = append(g.chunks, chunk)
		c.reset()
	}
	p.groups = append(p.groups, g)
	p.total += g.rows
	p.rows, p.held = 0, 0
	return nil
}

func (p *parquetWriter) end() error {
	if err := p.flush(); err != nil {
		return err
	}
	foot := p.footer()
	foot = binary.LittleEndian.AppendUint32(foot, uint32(len(foot)))
	if err := p.put(append(foot, parquetMagic...)); err != nil {
		return err
	}
	return p.w.Flush()
}

// parquetColumn gathers the values of one column.
type parquetColumn struct {
	name             string
	of               string // of SQL, without arguments
	kind             int32  // physical type
	converted        int32  // converted type; -1: none
	precision, scale int32
	utc              bool // instants are of a zone
	has              []byte
	data             []byte
	bits             int // booleans in data
}

// The physical and converted types that are written.
const (
	physBool, physInt32, physInt64, physFloat, physDouble, physBytes, physFixed = 0, 1, 2, 4, 5, 6, 7

	convNone, convUTF8, convDecimal, convDate, convMicros, convUint8, convJSON = -1, 0, 5, 6, 10, 11, 19
)

func newParquetColumn(name, spelling string) *parquetColumn {
	of, args, _ := strings.Cut(spelling, "(")
	c := &parquetColumn{name: name, of: of, kind: physBytes, converted: convUTF8}
	set := func(kind, converted int32) { c.kind, c.converted = kind, converted }
	switch of {
	case "BOOLEAN":
		set(physBool, convNone)
	case "TINYINT", "SMALLINT", "INTEGER":
		set(physInt32, convNone)
	case "BIGINT":
		set(physInt64, convNone)
	case "UTINYINT":
		set(physInt32, convUint8)
	case "USMALLINT":
		set(physInt32, convUint8+1)
	case "UINTEGER":
		set(physInt32, convUint8+2)
	case "UBIGINT":
		set(physInt64, convUint8+3)
	case "FLOAT":
		set(physFloat, convNone)
	case "DOUBLE":
		set(physDouble, convNone)
	case "HUGEINT", "UHUGEINT":
		set(physFixed, convDecimal)
		c.precision = 38
	case "DECIMAL":
		set(physFixed, convDecimal)
		if _, err := fmt.Sscanf(args, "%d,%d)", &c.precision, &c.scale); err != nil || strings.HasSuffix(spelling, "]") {
			set(physBytes, convJSON)
		}
	case "DATE":
		set(physInt32, convDate)
	case "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ":
		set(physInt64, convMicros)
		c.utc = of == "TIMESTAMPTZ"
	case "STRUCT", "MAP", "UNION", "JSON":
		set(physBytes, convJSON)
	default:
		if strings.HasSuffix(spelling, "]") {
			set(physBytes, convJSON)
		}
	}
	return c
}

// add adds the value of one row.
func (c *parquetColumn) add(row int, cell []byte) error {
	if row&7 == 0 {
		c.has = append(c.has, 0)
	}
	if null(cell) {
		return nil
	}
	c.has[row>>3] |= 1 << (row & 7)
	if err := c.value(cell); err != nil {
		return &kith.Error{Op: "parquet", On: "column " + strconv.Quote(c.name), Kind: kith.ErrUnsupported, Err: err}
	}
	return nil
}

// value adds what is in a cell.
func (c *parquetColumn) value(cell []byte) error {
	le := binary.LittleEndian
	s := string(cell)
	if c.converted != convJSON {
		s = bare(cell)
	}
	switch {
	case c.kind == physBool:
		if c.bits&7 == 0 {
			c.data = append(c.data, 0)
		}
		if s == "true" {
			c.data[c.bits>>3] |= 1 << (c.bits & 7)
		}
		c.bits++
	case c.converted == convDate || c.converted == convMicros:
		return c.time(s)
	case c.kind == physInt32 || c.kind == physInt64:
		return c.integer(s)
	case c.kind == physFloat, c.kind == physDouble:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return err
		}
		if c.kind == physFloat {
			c.data = le.AppendUint32(c.data, math.Float32bits(float32(f)))
		} else {
			c.data = le.AppendUint64(c.data, math.Float64bits(f))
		}
	case c.kind == physFixed:
		return c.decimal(s)
	default:
		c.data = append(le.AppendUint32(c.data, uint32(len(s))), s...)
	}
	return nil
}

func (c *parquetColumn) integer(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		var u uint64
		if u, err = strconv.ParseUint(s, 10, 64); err != nil {
			return err
		}
		n = int64(u)
	}
	if c.kind == physInt32 {
		c.data = binary.LittleEndian.AppendUint32(c.data, uint32(n))
	} else {
		c.data = binary.LittleEndian.AppendUint64(c.data, uint64(n))
	}
	return nil
}

func (c *parquetColumn) time(s string) error {
	layout := time.RFC3339Nano
	if c.converted == convDate {
		layout = time.DateOnly
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		return err
	}
	if c.converted == convDate {
		c.data = binary.LittleEndian.AppendUint32(c.data, uint32(int32(math.Floor(float64(t.Unix())/86400))))
	} else {
		c.data = binary.LittleEndian.AppendUint64(c.data, uint64(t.UnixMicro()))
	}
	return nil
}

var most = new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)

// decimal adds a number as 16 bytes of two's complement, the highest first.
func (c *parquetColumn) decimal(s string) error {
	whole, part, _ := strings.Cut(s, ".")
	if len(part) > int(c.scale) {
		return fmt.Errorf("a number has more than %d decimals", c.scale)
	}
	n, ok := new(big.Int).SetString(whole+part+strings.Repeat("0", int(c.scale)-len(part)), 10)
	if !ok || n.CmpAbs(most) >= 0 {
		return fmt.Errorf("a number has more than 38 digits")
	}
	if n.Sign() < 0 {
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	var b [16]byte
	c.data = append(c.data, n.FillBytes(b[:])...)
	return nil
}

// page gives the levels and the values of the group.
func (c *parquetColumn) page(rows int) []byte {
	run := binary.AppendUvarint(nil, uint64((rows+7)/8)<<1|1)
	run = append(run, c.has...)
	page := binary.LittleEndian.AppendUint32(make([]byte, 0, len(run)+len(c.data)+4), uint32(len(run)))
	return append(append(page, run...), c.data...)
}

func (c *parquetColumn) reset() { c.has, c.data, c.bits = c.has[:0], c.data[:0], 0 }
