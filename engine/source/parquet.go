package source

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	logical "github.com/parquet-go/parquet-go/format"
)

// table reads Parquet, and gives each row as an object on a line.
type table struct {
	groups []parquet.RowGroup
	rows   parquet.Rows
	batch  []parquet.Row
	leaves []leaf
	count  int64
}

// leaf is a column of the file. What is nested deeper than a list is not read.
type leaf struct {
	prefix []byte // `"name":`; nil: not read
	list   bool
	kind   logical.LogicalTypeValue
}

// openParquet opens the file, and knows the columns by it.
func (in *Input) openParquet(r io.Reader) (err error) {
	defer fence(&err)
	at, size, err := in.seekable(r)
	if err != nil {
		return err
	}
	f, err := parquet.OpenFile(at, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("this is not Parquet, or it is cut off: %w", err)
	}
	t := &table{groups: f.RowGroups(), batch: make([]parquet.Row, 64)}
	for _, path := range f.Schema().Columns() {
		column, ok := f.Schema().Lookup(path...)
		if !ok {
			return errors.New("the schema of the file cannot be read")
		}
		l := leaf{list: column.MaxRepetitionLevel == 1}
		if name, read := parquetName(path, column.MaxRepetitionLevel); read {
			l.prefix = append(appendString(nil, []byte(strings.ToValidUTF8(name, "?"))), ':')
			in.columns = append(in.columns, name)
		}
		if lt := column.Node.Type().LogicalType(); lt != nil {
			l.kind = lt.Value
		}
		t.leaves = append(t.leaves, l)
	}
	in.known = true
	in.next = func() ([]byte, int64, error) {
		piece, line, err := t.next()
		if err == io.EOF {
			in.Close() // the file was only read
		}
		return piece, line, err
	}
	return nil
}

// fence makes an error of the library's panics on damaged files.
func fence(err *error) {
	if p := recover(); p != nil {
		*err = shape("the Parquet file is damaged")
	}
}

// parquetName gives the dotted name of a column, and whether it is read: a
// plain value, or a list of plain values.
func parquetName(path []string, repetition int) (string, bool) {
	if n := len(path); repetition == 1 && n >= 3 && (path[n-2] == "list" || path[n-2] == "bag") {
		return strings.Join(path[:n-2], "."), true
	}
	return strings.Join(path, "."), repetition == 0 || repetition == 1 && len(path) == 1
}

// seekable gives the file itself, or a temporary one with what the reader gives.
func (in *Input) seekable(r io.Reader) (io.ReaderAt, int64, error) {
	if s, ok := r.(interface {
		io.ReaderAt
		io.Seeker
	}); ok {
		if size, err := s.Seek(0, io.SeekEnd); err == nil {
			return s, size, nil
		}
	}
	f, err := os.CreateTemp("", "kith-*.parquet")
	if err != nil {
		return nil, 0, err
	}
	os.Remove(f.Name()) // it lives until it is closed; where that is not possible, Close removes it
	in.close = func() error {
		in.close = func() error { return nil }
		os.Remove(f.Name()) // gone already on most systems
		return f.Close()
	}
	size, err := io.Copy(f, r)
	if err != nil {
		in.Close()
	}
	return f, size, err
}

func (t *table) next() (piece []byte, first int64, err error) {
	defer fence(&err)
	first = t.count + 1
	for len(piece) < pieceSize {
		if t.rows == nil {
			if len(t.groups) == 0 {
				break
			}
			t.rows, t.groups = t.groups[0].Rows(), t.groups[1:]
		}
		n, err := t.rows.ReadRows(t.batch)
		for _, row := range t.batch[:n] {
			piece = append(t.line(piece, row), '\n')
			t.count++
		}
		switch {
		case err != nil && err != io.EOF:
			return nil, 0, shape("row %d of the Parquet file cannot be read: %w", t.count+1, err)
		case err == io.EOF || n == 0:
			if err := t.rows.Close(); err != nil {
				return nil, 0, err
			}
			t.rows = nil
		}
	}
	if len(piece) == 0 {
		return nil, 0, io.EOF
	}
	return piece, first, nil
}

// line writes a row as an object.
func (t *table) line(dst []byte, row parquet.Row) []byte {
	dst = append(dst, '{')
	open := len(dst)
	for i := 0; i < len(row); {
		c := row[i].Column()
		end := i + 1
		for end < len(row) && row[end].Column() == c {
			end++
		}
		values := row[i:end]
		i = end
		l := &t.leaves[c]
		if l.prefix == nil || values[0].IsNull() {
			continue
		}
		if len(dst) > open {
			dst = append(dst, ',')
		}
		dst = append(dst, l.prefix...)
		if !l.list {
			dst = l.value(dst, values[0])
			continue
		}
		dst = append(dst, '[')
		for k, v := range values {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = l.value(dst, v)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// value writes a value as its logical type says.
func (l *leaf) value(dst []byte, v parquet.Value) []byte {
	if v.IsNull() {
		return append(dst, "null"...)
	}
	switch k := l.kind.(type) {
	case *logical.DecimalType:
		if n, ok := decimal(v, int(k.Scale)); ok {
			return n.append(dst)
		}
		return append(dst, "null"...) // more than 38 digits: Parquet does not have them
	case *logical.DateType:
		return appendTime(dst, time.Unix(int64(v.Int32())*86400, 0), time.DateOnly)
	case *logical.TimestampType:
		return appendTime(dst, instantOf(v.Int64(), k.Unit.Value.Duration()), zoned("2006-01-02T15:04:05.999999999", k.IsAdjustedToUTC))
	case *logical.TimeType:
		n := v.Int64()
		if v.Kind() == parquet.Int32 {
			n = int64(v.Int32())
		}
		return appendTime(dst, instantOf(n, k.Unit.Value.Duration()), "15:04:05.999999999")
	case *logical.UUIDType:
		if b := v.ByteArray(); len(b) == 16 {
			h := hex.EncodeToString(b)
			return fmt.Appendf(dst, `"%s-%s-%s-%s-%s"`, h[:8], h[8:12], h[12:16], h[16:20], h[20:])
		}
	case *logical.IntType:
		if !k.IsSigned && v.Kind() == parquet.Int32 {
			return strconv.AppendUint(dst, uint64(v.Uint32()), 10)
		}
		if !k.IsSigned {
			return strconv.AppendUint(dst, v.Uint64(), 10)
		}
	case *logical.JsonType:
		if b := v.ByteArray(); json.Valid(b) && !slices.Contains(b, '\n') {
			return append(dst, b...)
		}
	}
	return physical(dst, v)
}

// physical writes a value whose type says no more.
func physical(dst []byte, v parquet.Value) []byte {
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(dst, v.Boolean())
	case parquet.Int32:
		return strconv.AppendInt(dst, int64(v.Int32()), 10)
	case parquet.Int64:
		return strconv.AppendInt(dst, v.Int64(), 10)
	case parquet.Float:
		return appendFloat(dst, float64(v.Float()), 32)
	case parquet.Double:
		return appendFloat(dst, v.Double(), 64)
	case parquet.Int96: // a day of the Julian calendar, and nanoseconds
		i := v.Int96()
		t := time.Unix((int64(i[2])-2440588)*86400, int64(uint64(i[1])<<32|uint64(i[0])))
		return appendTime(dst, t, "2006-01-02T15:04:05.999999999Z")
	}
	b := v.ByteArray()
	if !utf8.Valid(b) {
		return append(hex.AppendEncode(append(dst, '"'), b), '"')
	}
	return appendString(dst, b)
}

// appendFloat writes a float, which JSON has unless it is no number.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits)
}

func zoned(layout string, utc bool) string {
	if utc {
		return layout + "Z"
	}
	return layout
}

func instantOf(n int64, unit time.Duration) time.Time {
	per := int64(time.Second / unit)
	return time.Unix(n/per, n%per*int64(unit))
}

func appendTime(dst []byte, t time.Time, layout string) []byte {
	return append(t.UTC().AppendFormat(append(dst, '"'), layout), '"')
}

// decimal gives the exact number that whole units of 10^-scale make.
func decimal(v parquet.Value, scale int) (number, bool) {
	n := number{scale: scale}
	if scale < 0 || scale > mostDigits {
		return n, false
	}
	switch v.Kind() {
	case parquet.Int32:
		n.lo = int64(v.Int32())
	case parquet.Int64:
		n.lo = v.Int64()
	default:
		b := v.ByteArray() // two's complement, largest first
		n.big = new(big.Int).SetBytes(b)
		if len(b) > 0 && b[0] >= 0x80 {
			n.big.Sub(n.big, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
	}
	return n.tidy()
}
