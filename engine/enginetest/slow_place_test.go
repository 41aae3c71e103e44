package enginetest

import (
	"crypto/sha256"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/kithdb/kith/query"
)

// bucket is the number that the first eight bytes of a digest are, less n as
// often as that goes.
func (s *slow) bucket(x *query.Call, o *soul) any {
	h, n := sha256.New(), new(big.Int)
	for i, a := range x.Args {
		lit := a.(query.Literal)
		if i < len(x.Args)-1 {
			h.Write([]byte(lit.Text))
		} else {
			n.SetString(lit.Text, 10)
		}
	}
	h.Write([]byte{0})
	h.Write([]byte(o.public))
	first := new(big.Int).SetBytes(h.Sum(nil)[:8])
	return new(big.Rat).SetInt(first.Mod(first, n))
}

// distance is the angle between two vectors from the centre of the earth.
func (s *slow) distance(x *query.Call, o *soul, d *deed) any {
	var at [4]float64
	for i, a := range x.Args {
		n, ok := s.value(a, o, d).(*big.Rat)
		if !ok || new(big.Rat).Abs(n).Cmp(big.NewRat(int64(90+90*(i%2)), 1)) > 0 {
			return nil
		}
		at[i], _ = n.Float64()
		at[i] *= math.Pi / 180
	}
	vector := func(lat, lon float64) [3]float64 {
		return [3]float64{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
	}
	a, b := vector(at[0], at[1]), vector(at[2], at[3])
	dot, cross := 0.0, 0.0
	for i := range 3 {
		j, k := (i+1)%3, (i+2)%3
		dot += a[i] * b[i]
		cross += (a[j]*b[k] - a[k]*b[j]) * (a[j]*b[k] - a[k]*b[j])
	}
	metres := math.Round(6371008.8 * math.Atan2(math.Sqrt(cross), dot))
	return big.NewRat(int64(metres), 1000)
}

// has looks at the elements of an array: one that an event says, or the text of a trait.
func (s *slow) has(x *query.Call, o *soul, d *deed) any {
	var text any
	switch v := x.Args[0].(type) {
	case *query.Field:
		for range v.Up {
			d = d.around
		}
		text = s.said(d, v.Path+"[]")
	case *query.Trait:
		name := "profiles." + v.Path
		if text = o.traits[v.Path+"[]"]; text == nil || !s.whole[name] {
			text = s.read(o.traits[v.Path], s.types[name], query.Text)
		}
	}
	array, ok := text.(string)
	if !ok {
		return nil
	}
	var elements []any
	dec := json.NewDecoder(strings.NewReader(array))
	dec.UseNumber()
	if dec.Decode(&elements) != nil || elements == nil {
		return nil
	}
	item := s.value(x.Args[1], nil, nil)
	return slices.ContainsFunc(elements, func(e any) bool {
		if n, ok := e.(json.Number); ok {
			r, _ := new(big.Rat).SetString(n.String())
			of, ok := item.(*big.Rat)
			return ok && r.Cmp(of) == 0
		}
		return e == item
	})
}
