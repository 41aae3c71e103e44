package engine

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Column is one column of an answer of SQL. It writes its values as JSON.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"` // as DuckDB spells it, such as DECIMAL(38,9) or VARCHAR[]

	shape *shape
}

// Columns gives the columns of an answer.
func Columns(rows *sql.Rows) ([]Column, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	out := make([]Column, len(types))
	for i, t := range types {
		out[i] = Column{Name: t.Name(), Type: t.DatabaseTypeName()}
		out[i].shape = parseShape(out[i].Type)
	}
	return out, nil
}

// Append appends a value of the column, as Scan gives it into an any, as JSON
// that loses nothing: numbers keep every digit and have no idle zeros, instants
// are RFC 3339 in UTC, the members of a struct keep their order, bytes are
// written as DuckDB writes them.
func (c *Column) Append(dst []byte, v any) []byte {
	if c.shape == nil {
		c.shape = parseShape(c.Type)
	}
	return c.shape.append(dst, v)
}

// shape is a type of SQL, read from its spelling.
type shape struct {
	name    string // STRUCT, MAP, LIST, or the scalar's without its arguments
	members []string
	of      []*shape // of a struct its members, of a map key and value, of a list its elements
}

func (s *shape) append(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendText(dst, v)
	case json.Number:
		return append(dst, v...)
	case json.RawMessage:
		return append(dst, v...)
	case float64:
		return appendFloat(dst, v, 64)
	case float32:
		return appendFloat(dst, float64(v), 32)
	case *big.Int:
		return v.Append(dst, 10)
	case time.Time:
		return s.appendTime(dst, v)
	case []byte:
		return s.appendBytes(dst, v)
	case []any:
		return s.appendList(dst, v)
	case map[string]any:
		return s.appendStruct(dst, v)
	}
	return s.appendOther(dst, v)
}

// appendOther appends integers, and the types that only the driver names.
func (s *shape) appendOther(dst []byte, v any) []byte {
	r := reflect.ValueOf(v)
	switch {
	case r.CanInt():
		return strconv.AppendInt(dst, r.Int(), 10)
	case r.CanUint():
		return strconv.AppendUint(dst, r.Uint(), 10)
	}
	switch s.name {
	case "DECIMAL":
		return append(dst, fmt.Sprint(v)...)
	case "MAP":
		return s.appendMap(dst, r)
	case "INTERVAL":
		return appendInterval(dst, v)
	}
	if t, ok := v.(fmt.Stringer); ok {
		return appendText(dst, t.String())
	}
	return appendAny(dst, v)
}

// appendAny appends what encoding/json makes of a value.
func appendAny(dst []byte, v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return appendText(dst, fmt.Sprint(v))
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
}

func (s *shape) appendTime(dst []byte, t time.Time) []byte {
	layout := time.RFC3339Nano
	switch s.name {
	case "DATE":
		layout = time.DateOnly
	case "TIME", "TIME_NS":
		layout = "15:04:05.999999999"
	case "TIMETZ", "TIME WITH TIME ZONE":
		layout = "15:04:05.999999999Z07:00"
	default:
		t = t.UTC()
	}
	return append(t.AppendFormat(append(dst, '"'), layout), '"')
}

func (s *shape) appendBytes(dst, b []byte) []byte {
	if s.name == "UUID" && len(b) == 16 {
		return fmt.Appendf(dst, `"%x-%x-%x-%x-%x"`, b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	}
	var text strings.Builder
	for _, c := range b {
		if c < ' ' || c > '~' || c == '\\' || c == '\'' || c == '"' {
			fmt.Fprintf(&text, `\x%02X`, c)
		} else {
			text.WriteByte(c)
		}
	}
	return appendText(dst, text.String())
}

// at gives the shape of the i-th part; a part without one writes itself.
func (s *shape) at(i int) *shape {
	if i < len(s.of) {
		return s.of[i]
	}
	return &shape{}
}

func (s *shape) appendList(dst []byte, list []any) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.at(0).append(dst, v)
	}
	return append(dst, ']')
}

func (s *shape) appendStruct(dst []byte, m map[string]any) []byte {
	if len(s.members) == 0 {
		return appendAny(dst, m) // JSON that the driver has read
	}
	dst = append(dst, '{')
	for i, name := range s.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, name), ':')
		dst = s.at(i).append(dst, m[name])
	}
	return append(dst, '}')
}

// appendMap appends the driver's map, whose keys are in order.
func (s *shape) appendMap(dst []byte, r reflect.Value) []byte {
	p := reflect.New(r.Type())
	p.Elem().Set(r)
	m, ok := p.Interface().(interface {
		Keys() []any
		Values() []any
	})
	if !ok {
		return append(dst, "null"...)
	}
	dst = append(dst, '{')
	values := m.Values()
	for i, k := range m.Keys() {
		if i > 0 {
			dst = append(dst, ',')
		}
		key := s.at(0).append(nil, k)
		if key[0] != '"' {
			key = appendText(nil, string(key))
		}
		dst = s.at(1).append(append(append(dst, key...), ':'), values[i])
	}
	return append(dst, '}')
}

// appendInterval appends an interval as DuckDB writes it.
func appendInterval(dst []byte, v any) []byte {
	var iv struct{ Days, Months, Micros int64 }
	if text, err := json.Marshal(v); err != nil || json.Unmarshal(text, &iv) != nil {
		return append(dst, "null"...)
	}
	var parts []string
	add := func(n int64, unit string) {
		if n == 1 || n == -1 {
			parts = append(parts, fmt.Sprintf("%d %s", n, unit))
		} else if n != 0 {
			parts = append(parts, fmt.Sprintf("%d %ss", n, unit))
		}
	}
	add(iv.Months/12, "year")
	add(iv.Months%12, "month")
	add(iv.Days, "day")
	if us := iv.Micros; us != 0 || len(parts) == 0 {
		sign := ""
		if us < 0 {
			sign, us = "-", -us
		}
		clock := fmt.Sprintf("%s%02d:%02d:%02d", sign, us/3600e6, us/60e6%60, us/1e6%60)
		if us %= 1e6; us != 0 {
			clock += strings.TrimRight(fmt.Sprintf(".%06d", us), "0")
		}
		parts = append(parts, clock)
	}
	return appendText(dst, strings.Join(parts, " "))
}

// appendFloat appends the shortest number that reads back; what JSON has no
// number for is a string.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	form := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		form = 'e'
	}
	return strconv.AppendFloat(dst, f, form, -1, bits)
}

// appendText appends a string of JSON.
func appendText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < ' ' || r == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
