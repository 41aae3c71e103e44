package clean

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	at := func(s string) int64 {
		if s == "" {
			return NoTime
		}
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixMicro()
	}
	const now, day = "2024-05-06T07:08:11Z", "2024-05-06T"
	tests := []struct {
		fields                   string
		time, received, original string
		clamped                  bool
	}{
		{``, now, now, "", false},
		{`"timestamp":"2011-01-02T03:04:05+01:00"`, "2011-01-02T02:04:05Z", now, "", false},
		{`"originalTimestamp":"2011-01-02T03:04:05Z"`, "2011-01-02T03:04:05Z", now, "2011-01-02T03:04:05Z", false},
		{`"timestamp":1304665689,"receivedAt":1304665690123`, "2011-05-06T07:08:09Z", "2011-05-06T07:08:10.123Z", "", false},
		{`"timestamp":1304665689.25`, "2011-05-06T07:08:09.25Z", now, "", false},
		// The client's clock is 3 hours fast.
		{`"timestamp":"` + day + `10:08:00Z","sentAt":"` + day + `10:08:10Z"`, day + "07:08:01Z", now, day + "10:08:00Z", false},
		{`"originalTimestamp":"` + day + `10:08:00Z","sentAt":"` + day + `10:08:10Z"`, day + "07:08:01Z", now, day + "10:08:00Z", false},
		{`"originalTimestamp":"` + day + `10:08:00Z","sentAt":"` + day + `10:08:10Z","receivedAt":"` + day + `07:00:00Z"`, day + "06:59:50Z", day + "07:00:00Z", day + "10:08:00Z", false},
		// Exported by another server, without receivedAt: its timestamp is right.
		{`"timestamp":"2011-05-06T07:00:00Z","originalTimestamp":"2011-05-06T10:00:00Z","sentAt":"2011-05-06T10:00:01Z"`, "2011-05-06T07:00:00Z", now, "2011-05-06T10:00:00Z", false},
		// T20.
		{`"timestamp":"` + day + `09:08:11Z"`, now, now, day + "09:08:11Z", true},
		{`"timestamp":"` + day + `08:08:11Z"`, day + "08:08:11Z", now, "", false},
		{`"timestamp":"2199-01-01T00:00:00Z"`, now, now, "2199-01-01T00:00:00Z", true},
		{`"receivedAt":"2199-01-01T00:00:00Z"`, now, now, "", true},
	}
	c := New(testConfig())
	for _, test := range tests {
		line := `{"type":"page","userId":"u"`
		if test.fields != "" {
			line += "," + test.fields
		}
		it := one(t, c, line+"}")
		if it.Code != "" || it.Time != at(test.time) || it.Received != at(test.received) || it.Original != at(test.original) || it.Clamped != test.clamped {
			t.Errorf("%s: %s time %s received %s original %d clamped %t", test.fields, it.Code,
				time.UnixMicro(it.Time).UTC(), time.UnixMicro(it.Received).UTC(), it.Original, it.Clamped)
		}
	}
}

func TestParseTimeIsThatOfTheStandardLibrary(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	forms := []string{time.RFC3339Nano, time.RFC3339, "2006-01-02T15:04:05.000Z07:00", "2006-01-02T15:04:05.000000000Z07:00", "2006-01-02 15:04:05.999Z07:00", "2006-01-02T15:04Z07:00"}
	for range 20000 {
		zone := time.FixedZone("", (r.IntN(27*4)-13*4)*900)
		want := time.UnixMicro(minTime + 2*86400_000000 + r.Int64N(maxTime-minTime-4*86400_000000)).In(zone)
		form := forms[r.IntN(len(forms))]
		text := want.Format(form)
		want, err := time.Parse(form, text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := parseTime([]byte(text), nil); !ok || got != want.UnixMicro() {
			t.Fatalf("seed %d: %s = %d %t, want %d", seed, text, got, ok, want.UnixMicro())
		}
	}
}

func TestOddTimes(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip("no time zones here")
	}
	tests := []struct {
		text string
		zone *time.Location
		want string
	}{
		{"2024-07-01T12:00:00", paris, "2024-07-01T10:00:00Z"},
		{"2024-01-01", paris, "2023-12-31T23:00:00Z"},
		{"2024-01-01 08:30", paris, "2024-01-01T07:30:00Z"},
		{"2024-01-01T08:30:00+0530", paris, "2024-01-01T03:00:00Z"},
		{"2016-12-31T23:59:60Z", nil, "2017-01-01T00:00:00Z"},
		{"2024-02-29T00:00:00.123456789123z", nil, "2024-02-29T00:00:00.123456Z"},
		{"2024-01-01T08:30:00", nil, ""},
		{"2024-01-01", nil, ""},
		{"2023-02-29T00:00:00Z", nil, ""},
		{"2024-13-01T00:00:00Z", nil, ""},
		{"2024-01-01T24:00:00Z", nil, ""},
		{"2024-01-01T00:00:00.Z", nil, ""},
		{"2024-01-01T00:00:00+1", nil, ""},
		{"2024-01-01T00:00:00Zx", nil, ""},
		{"0000-01-01T00:00:00Z", nil, ""},
		{"1714979291", nil, ""},
		{"", nil, ""},
	}
	for _, test := range tests {
		got := ""
		if us, ok := parseTime([]byte(test.text), test.zone); ok {
			got = time.UnixMicro(us).UTC().Format(time.RFC3339Nano)
		}
		if got != test.want {
			t.Errorf("%s = %q, want %q", test.text, got, test.want)
		}
	}
	for text, want := range map[string]int64{"0": 0, "-1": -1_000000, "1714979291": testNow, "1714979291000": testNow, "1714979291000.5": testNow + 500, "99999999999.9999999": 99999999999_999999} {
		if got, ok := parseEpoch([]byte(text)); got != want || !ok {
			t.Errorf("%s = %d %t, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"1e9", "1714979291000000", "-99999999999999", fmt.Sprint(uint64(1) << 63)} {
		if got, ok := parseEpoch([]byte(text)); ok {
			t.Errorf("%s = %d, want it refused", text, got)
		}
	}
}
