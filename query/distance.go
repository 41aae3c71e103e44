package query

import "math"

// meanRadius is that of the earth in km, the mean of its axes.
const meanRadius = 6371.0088

// DistanceOf gives the way along a great circle between two points in degrees, in
// km, rounded to a metre. It gives false where one is no point of the earth.
func DistanceOf(lat, lon, lat2, lon2 Dec) (Dec, bool) {
	a, ok1 := lat.radians(90)
	b, ok2 := lat2.radians(90)
	l, ok3 := lon.radians(180)
	l2, ok4 := lon2.radians(180)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return Dec{}, false
	}
	square := func(x float64) float64 { return x * x }
	both, turn := math.Cos(a)*math.Cos(b), (l2-l)/2
	// The haversine of the angle, and what it lacks to 1: each is exact where it is small.
	hav := square(math.Sin((b-a)/2)) + both*square(math.Sin(turn))
	rest := square(math.Sin((b+a)/2)) + both*square(math.Cos(turn))
	metres := 2 * meanRadius * 1000 * math.Atan2(math.Sqrt(hav), math.Sqrt(rest))
	return Dec{uint64(math.RoundToEven(metres)) * (billion / 1000), 0}, true
}

// radians gives an angle of so many degrees; false: it is more than that to either side.
func (d Dec) radians(most int64) (float64, bool) {
	if d.Cmp(DecOf(most)) > 0 || d.Cmp(DecOf(-most)) < 0 {
		return 0, false
	}
	return float64(int64(d.Lo)) / billion * math.Pi / 180, true // in that range Hi is the sign alone
}

// distance reads distance_km(lat, lon, lat2, lon2).
func (l *lowering) distance(args []Value) (Value, error) {
	c := &Call{Fn: Distance}
	for _, a := range args {
		n, err := l.as(a, Number)
		if err != nil {
			return nil, err
		}
		c.Args = append(c.Args, n)
	}
	return c, nil
}

// distance makes the way between two points ready.
func (c *compiler) distance(x *Call) get[Dec] {
	var of [4]get[Dec]
	for i, a := range x.Args {
		of[i] = c.number(a)
	}
	return func(e *env) (d Dec, ok bool) {
		var at [4]Dec
		for i := range of {
			if at[i], ok = of[i](e); !ok {
				return d, false
			}
		}
		return DistanceOf(at[0], at[1], at[2], at[3])
	}
}

// distance works it out.
func (k *reckoner) distance(x *Call) datum {
	var at [4]Dec
	for i, a := range x.Args {
		d := k.value(a)
		if d.as == Untold {
			return d
		}
		at[i] = decOf(d)
	}
	d, ok := DistanceOf(at[0], at[1], at[2], at[3])
	if !ok {
		return datum{}
	}
	return datum{as: Number, num: Num{d.Hi, d.Lo}}
}
