package history

/*
#include <stdint.h>
extern void kithFold(void *, void *, void *);
extern void kithQuotient(void *, void *, void *);
static void *fold_fn(void) { return (void *)kithFold; }
static void *quotient_fn(void) { return (void *)kithQuotient; }
*/
import "C"

import (
	"fmt"
	"math/bits"
	"unsafe"

	m "github.com/duckdb/duckdb-go/v2/mapping"
)

// The functions of values alone, which no view is needed for: what segments
// mean must be what DuckDB answers, to the last bit (docs/segments.md).
var pure = []struct {
	name string
	fn   unsafe.Pointer
	args []m.Type
	out  func() m.LogicalType
}{
	{"kith_fold", C.fold_fn(), []m.Type{m.TypeVarchar}, func() m.LogicalType { return m.CreateLogicalType(m.TypeVarchar) }},
	{"kith_quotient", C.quotient_fn(), []m.Type{m.TypeDecimal, m.TypeBigInt}, func() m.LogicalType { return m.CreateDecimalType(38, scale) }},
}

// each runs f for every row of a call whose arguments are all there.
func each(info, in, out unsafe.Pointer, f func(c *call, i int) bool) {
	defer func() {
		if r := recover(); r != nil {
			m.ScalarFunctionSetError(m.FunctionInfo{Ptr: info}, fmt.Sprint(r))
		}
	}()
	c := &call{in: m.DataChunk{Ptr: in}, out: m.Vector{Ptr: out}}
	if c.n = int(m.DataChunkGetSize(c.in)); c.n == 0 {
		return
	}
	m.VectorEnsureValidityWritable(c.out)
	c.res = m.VectorGetData(c.out)
	c.ok = unsafe.Slice((*uint64)(m.VectorGetValidity(c.out)), (c.n+63)/64)
	cols := int(m.DataChunkGetColumnCount(c.in))
	for i := range c.n {
		there := true
		for k := range cols {
			there = there && valid(validity(c.in, k, c.n), i)
		}
		if !there || !f(c, i) {
			c.null(i)
		}
	}
}

// FoldText is what kith_fold does with a text. The engine sets it before it opens a history.
var FoldText = func(s string) string { return s }

//export kithFold
func kithFold(info, in, out unsafe.Pointer) {
	each(info, in, out, func(c *call, i int) bool {
		c.text(i, []byte(FoldText(string(column[text](c.in, 0, c.n)[i].bytes()))))
		return true
	})
}

//export kithQuotient
func kithQuotient(info, in, out unsafe.Pointer) {
	each(info, in, out, func(c *call, i int) bool {
		n := column[int64](c.in, 1, c.n)[i]
		if n <= 0 {
			return false
		}
		results[int128](c)[i] = quotient(column[int128](c.in, 0, c.n)[i], uint64(n))
		return true
	})
}

// quotient divides and rounds half to even.
func quotient(v int128, n uint64) int128 {
	neg := v.hi < 0
	hi, lo := uint64(v.hi), v.lo
	if neg {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	qh, r := hi/n, hi%n
	ql, r := bits.Div64(r, lo, n)
	if r > n-r || r == n-r && ql&1 == 1 { // r*2 compared with n, without overflow
		var carry uint64
		ql, carry = bits.Add64(ql, 1, 0)
		qh += carry
	}
	if neg {
		var borrow uint64
		ql, borrow = bits.Sub64(0, ql, 0)
		qh, _ = bits.Sub64(0, qh, borrow)
	}
	return int128{ql, int64(qh)}
}
