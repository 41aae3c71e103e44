package query

import (
	"math"
	"testing"
)

// The way between two points is the angle between two vectors, the same in both
// directions and no more than half of the way around, also where the points are
// near to each other or to what lies opposite.
func TestDistance(t *testing.T) {
	r := chance(t)
	point := func() (lat, lon Dec) {
		return Dec{}.plusLo(r.Int64N(180*billion+1) - 90*billion), Dec{}.plusLo(r.Int64N(360*billion+1) - 180*billion)
	}
	compared := 0
	for range rounds(50_000) {
		lat, lon := point()
		lat2, lon2 := point()
		switch slip := r.Int64N(1 + r.Int64N(billion)); r.IntN(4) {
		case 0: // beside it
			lat2, lon2 = lat.plusLo(min(slip, 90*billion-int64(lat.Lo))), lon
		case 1: // and beside what lies opposite
			lat2, lon2 = lat.negative(), lon.plusLo(180*billion-slip)
			if lon2.Cmp(DecOf(180)) > 0 {
				lon2 = lon2.plusLo(-360 * billion)
			}
		}
		d, ok := DistanceOf(lat, lon, lat2, lon2)
		if back, _ := DistanceOf(lat2, lon2, lat, lon); !ok || back != d {
			t.Fatalf("from %s %s to %s %s: %s, %t, and back %s", lat, lon, lat2, lon2, d, ok, back)
		}
		metres := 6371008.8 * between(lat, lon, lat2, lon2)
		if _, part := math.Modf(metres); math.Abs(part-0.5) < 1e-5 {
			continue
		}
		compared++
		if want := int64(math.Round(metres)) * 1_000_000; int64(d.Lo) != want {
			t.Fatalf("from %s %s to %s %s: %s, want %f m", lat, lon, lat2, lon2, d, metres)
		}
	}
	if compared < rounds(50_000)*9/10 {
		t.Errorf("%d were compared", compared)
	}
	number := func(s string) Dec { d, _ := ParseDec(s); return d }
	for _, c := range [][5]string{
		{"48.8566", "2.3522", "51.5074", "-0.1278", "343.557"}, // Paris and London
		{"0", "0", "0", "180", "20015.114"},
		{"90", "17", "-90", "-17", "20015.114"},
		{"0", "179.5", "0", "-179.5", "111.195"},
		{"12.5", "7", "12.5", "7", "0"},
		{"90.000000001", "0", "0", "0", ""},
		{"0", "-180.000000001", "0", "0", ""},
		{"0", "0", "0", "99999999999999999999999999999", ""},
	} {
		d, ok := DistanceOf(number(c[0]), number(c[1]), number(c[2]), number(c[3]))
		if ok != (c[4] != "") || ok && d.String() != c[4] {
			t.Errorf("from %s %s to %s %s: %s, %t; want %s", c[0], c[1], c[2], c[3], d, ok, c[4])
		}
	}
}

// plusLo adds billionths.
func (d Dec) plusLo(n int64) Dec {
	sum, _ := d.Add(Dec{uint64(n), n >> 63})
	return sum
}

// between gives the angle between two vectors from the centre.
func between(of ...Dec) float64 {
	var v [2][3]float64
	for i := range v {
		lat, lon := float64(int64(of[2*i].Lo))/1e9*math.Pi/180, float64(int64(of[2*i+1].Lo))/1e9*math.Pi/180
		v[i] = [3]float64{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
	}
	dot, cross := 0.0, 0.0
	for i := range 3 {
		j, k := (i+1)%3, (i+2)%3
		dot += v[0][i] * v[1][i]
		cross = math.Hypot(cross, v[0][j]*v[1][k]-v[0][k]*v[1][j])
	}
	return math.Atan2(cross, dot)
}

// Buckets are evenly filled, and one salt says nothing about another.
func TestBuckets(t *testing.T) {
	const people, n = 100_000, 10
	var filled [n][n]int
	for i := range people {
		id := string(rune('a'+i%26)) + DecOf(int64(i)).String()
		filled[BucketOf(id, "", n)][BucketOf(id, "x", n)]++
	}
	square := 0.0
	for _, row := range filled {
		for _, k := range row {
			square += math.Pow(float64(k)-people/n/n, 2) / (people / n / n)
		}
	}
	if square > 150 { // chi square with 99 degrees of freedom: beyond that in one of 1,300 functions
		t.Errorf("the buckets are filled %v: chi square %f", filled, square)
	}
	// printf 'x\0abc' | sha256sum begins with 7899406e7ba30b39
	if got := BucketOf("abc", "x", 1_000_000); got != 945721 {
		t.Errorf("a bucket is %d", got)
	}
}
