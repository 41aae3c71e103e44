package history

/*
#include <stdint.h>
extern void kithFold(void *, void *, void *);
extern void kithSum(void *, void *, void *);
extern void kithAverage(void *, void *, void *);
extern void kithAdd(void *, void *, void *);
extern void kithSubtract(void *, void *, void *);
extern void kithMultiply(void *, void *, void *);
extern void kithDivide(void *, void *, void *);
extern void kithWeight(void *, void *, void *);
extern void kithBucket(void *, void *, void *);
extern void kithLocalTime(void *, void *, void *);
extern void kithUTCTime(void *, void *, void *);
extern void kithDistance(void *, void *, void *);
extern void kithHasText(void *, void *, void *);
extern void kithHasNumber(void *, void *, void *);
static void *fold_fn(void) { return (void *)kithFold; }
static void *sum_fn(void) { return (void *)kithSum; }
static void *average_fn(void) { return (void *)kithAverage; }
static void *add_fn(void) { return (void *)kithAdd; }
static void *subtract_fn(void) { return (void *)kithSubtract; }
static void *multiply_fn(void) { return (void *)kithMultiply; }
static void *divide_fn(void) { return (void *)kithDivide; }
static void *weight_fn(void) { return (void *)kithWeight; }
static void *bucket_fn(void) { return (void *)kithBucket; }
static void *local_time_fn(void) { return (void *)kithLocalTime; }
static void *utc_time_fn(void) { return (void *)kithUTCTime; }
static void *distance_fn(void) { return (void *)kithDistance; }
static void *has_text_fn(void) { return (void *)kithHasText; }
static void *has_number_fn(void) { return (void *)kithHasNumber; }
*/
import "C"

import (
	"fmt"
	"slices"
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
	{"kith_sum", C.sum_fn(), []m.Type{m.TypeHugeInt, m.TypeDecimal}, decimalType},
	{"kith_average", C.average_fn(), []m.Type{m.TypeHugeInt, m.TypeDecimal, m.TypeBigInt}, decimalType},
	{"kith_add", C.add_fn(), two, decimalType}, {"kith_subtract", C.subtract_fn(), two, decimalType},
	{"kith_multiply", C.multiply_fn(), two, decimalType}, {"kith_divide", C.divide_fn(), two, decimalType},
	{"kith_weight", C.weight_fn(), []m.Type{m.TypeBigInt, m.TypeBigInt}, wholeType},
	{"kith_bucket", C.bucket_fn(), []m.Type{m.TypeVarchar, m.TypeVarchar, m.TypeBigInt}, wholeType},
	{"kith_local_time", C.local_time_fn(), []m.Type{m.TypeTimestamp, m.TypeVarchar}, timeType},
	{"kith_utc_time", C.utc_time_fn(), []m.Type{m.TypeTimestamp, m.TypeVarchar}, timeType},
	{"kith_distance", C.distance_fn(), slices.Concat(two, two), decimalType},
	{"kith_has_text", C.has_text_fn(), []m.Type{m.TypeVarchar, m.TypeVarchar}, boolType},
	{"kith_has_number", C.has_number_fn(), []m.Type{m.TypeVarchar, m.TypeDecimal}, boolType},
}

var two = []m.Type{m.TypeDecimal, m.TypeDecimal}

func boolType() m.LogicalType { return m.CreateLogicalType(m.TypeBoolean) }

func wholeType() m.LogicalType { return m.CreateLogicalType(m.TypeBigInt) }

func timeType() m.LogicalType { return m.CreateLogicalType(m.TypeTimestamp) }

func decimalType() m.LogicalType { return m.CreateDecimalType(38, scale) }

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

// Sum and Average are what kith_sum and kith_average give for the sum of the whole
// parts of numbers, that of the rests in billionths, and how many they are. The
// engine sets them before it opens a history.
var (
	Sum     = func(whole, rest [2]uint64) (out [2]uint64, ok bool) { return out, false }
	Average = func(whole, rest [2]uint64, n uint64) (out [2]uint64, ok bool) { return out, false }
)

//export kithSum
func kithSum(info, in, out unsafe.Pointer) {
	each(info, in, out, func(c *call, i int) bool {
		whole, rest := column[int128](c.in, 0, c.n)[i], column[int128](c.in, 1, c.n)[i]
		v, ok := Sum([2]uint64{whole.lo, uint64(whole.hi)}, [2]uint64{rest.lo, uint64(rest.hi)})
		results[int128](c)[i] = int128{v[0], int64(v[1])}
		return ok
	})
}

//export kithAverage
func kithAverage(info, in, out unsafe.Pointer) {
	each(info, in, out, func(c *call, i int) bool {
		whole, rest, n := column[int128](c.in, 0, c.n)[i], column[int128](c.in, 1, c.n)[i], column[int64](c.in, 2, c.n)[i]
		if n <= 0 {
			return false
		}
		v, ok := Average([2]uint64{whole.lo, uint64(whole.hi)}, [2]uint64{rest.lo, uint64(rest.hi)}, uint64(n))
		results[int128](c)[i] = int128{v[0], int64(v[1])}
		return ok
	})
}

// Calculate is what kith_add, kith_subtract, kith_multiply and kith_divide do
// with two numbers in billionths; op is the sign. The engine sets it before it
// opens a history.
var Calculate = func(op byte, a, b [2]uint64) (out [2]uint64, ok bool) { return out, false }

func calculate(op byte, info, in, out unsafe.Pointer) {
	each(info, in, out, func(c *call, i int) bool {
		a, b := column[int128](c.in, 0, c.n)[i], column[int128](c.in, 1, c.n)[i]
		v, ok := Calculate(op, [2]uint64{a.lo, uint64(a.hi)}, [2]uint64{b.lo, uint64(b.hi)})
		results[int128](c)[i] = int128{v[0], int64(v[1])}
		return ok
	})
}

//export kithAdd
func kithAdd(info, in, out unsafe.Pointer) { calculate('+', info, in, out) }

//export kithSubtract
func kithSubtract(info, in, out unsafe.Pointer) { calculate('-', info, in, out) }

//export kithMultiply
func kithMultiply(info, in, out unsafe.Pointer) { calculate('*', info, in, out) }

//export kithDivide
func kithDivide(info, in, out unsafe.Pointer) { calculate('/', info, in, out) }

// Weight is what kith_weight gives for an age and a half-life. The engine sets
// it before it opens a history.
var Weight = func(age, half int64) int64 { return 0 }

//export kithWeight
func kithWeight(info, in, out unsafe.Pointer) {
	each(info, in, out, func(c *call, i int) bool {
		age, half := column[int64](c.in, 0, c.n)[i], column[int64](c.in, 1, c.n)[i]
		if age < 0 || half <= 0 {
			return false
		}
		results[int64](c)[i] = Weight(age, half)
		return true
	})
}

// Bucket is what kith_bucket gives for a public id, a salt and a number of
// buckets. The engine sets it before it opens a history.
var Bucket = func(public, salt string, n int64) int64 { return 0 }

//export kithBucket
func kithBucket(info, in, out unsafe.Pointer) {
	each(info, in, out, func(c *call, i int) bool {
		ids, salts, n := column[text](c.in, 0, c.n), column[text](c.in, 1, c.n), column[int64](c.in, 2, c.n)[i]
		if n <= 0 {
			return false
		}
		results[int64](c)[i] = Bucket(string(ids[i].bytes()), string(salts[i].bytes()), n)
		return true
	})
}

// Distance is what kith_distance gives for two points, in billionths of degrees.
// The engine sets it before it opens a history.
var Distance = func(of [4][2]uint64) (out [2]uint64, ok bool) { return out, false }

//export kithDistance
func kithDistance(info, in, out unsafe.Pointer) {
	each(info, in, out, func(c *call, i int) bool {
		var of [4][2]uint64
		for k := range of {
			v := column[int128](c.in, k, c.n)[i]
			of[k] = [2]uint64{v.lo, uint64(v.hi)}
		}
		v, ok := Distance(of)
		results[int128](c)[i] = int128{v[0], int64(v[1])}
		return ok
	})
}

// Zone gives what kith_local_time and kith_utc_time do with a time by the clock of
// a place; false: there is no such. The engine sets it before it opens a history.
var Zone = func(name string) (local, utc func(int64) int64, ok bool) { return nil, nil, false }

// zoned calls what one of Zone's two gives, which it finds once for as long as
// the name is the same.
func zoned(back bool, info, in, out unsafe.Pointer) {
	last, do := "", func(t int64) int64 { return t }
	each(info, in, out, func(c *call, i int) bool {
		if name := column[text](c.in, 1, c.n)[i].bytes(); string(name) != last {
			local, utc, ok := Zone(string(name))
			if !ok {
				return false
			}
			if last, do = string(name), local; back {
				do = utc
			}
		}
		results[int64](c)[i] = do(column[int64](c.in, 0, c.n)[i])
		return true
	})
}

//export kithLocalTime
func kithLocalTime(info, in, out unsafe.Pointer) { zoned(false, info, in, out) }

//export kithUTCTime
func kithUTCTime(info, in, out unsafe.Pointer) { zoned(true, info, in, out) }

// HasText and HasNumber are what kith_has_text and kith_has_number tell of the
// text of a JSON array. The engine sets them before it opens a history.
var (
	HasText   = func(array, item string) (has, ok bool) { return false, false }
	HasNumber = func(array string, item [2]uint64) (has, ok bool) { return false, false }
)

//export kithHasText
func kithHasText(info, in, out unsafe.Pointer) {
	each(info, in, out, func(c *call, i int) (ok bool) {
		array, item := column[text](c.in, 0, c.n)[i], column[text](c.in, 1, c.n)[i]
		results[bool](c)[i], ok = HasText(string(array.bytes()), string(item.bytes()))
		return ok
	})
}

//export kithHasNumber
func kithHasNumber(info, in, out unsafe.Pointer) {
	each(info, in, out, func(c *call, i int) (ok bool) {
		array, item := column[text](c.in, 0, c.n)[i], column[int128](c.in, 1, c.n)[i]
		results[bool](c)[i], ok = HasNumber(string(array.bytes()), [2]uint64{item.lo, uint64(item.hi)})
		return ok
	})
}
