package enginetest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kithdb/kith"
)

// A directory that was closed in order goes on with its segments where it
// stopped: nothing is built, the clock moves who is due, and the next event finds
// the state it would have found. A file that is not true of the directory is not
// believed.
func TestSegmentsGoOnAfterClosing(t *testing.T) {
	r := dice(seed(t), "saved")
	w := &liveWorld{dir: t.TempDir(), now: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)}
	w.open(t)
	w.clock(t)
	w.goods(t, r)
	w.list(t, r, "vip")
	w.list(t, r, "staff")
	lines := crowd(r, 400, w.now.Add(20*24*time.Hour))
	Lines(t, w.e, lines[:200]...)
	for _, s := range [][2]string{
		{"some", "plan = 'pro' OR vip"},
		{"more", "in_list('vip') OR in_segment('some')"},
		{"recent", "EXISTS (SELECT 1 FROM events WHERE ts > now() - INTERVAL 9 DAY)"},
		{"again", "EXISTS (SELECT 1 FROM events WHERE name = 'View' AND followed_by(name = 'Buy' AND text(properties.sku) = outer.properties.sku, INTERVAL 9 DAY))"},
		{"first", "(SELECT properties.sku FROM events ORDER BY ts LIMIT 1) IN (SELECT sku FROM goods)"},
		{"ranked", "(SELECT sum(properties.total) FROM events WHERE ts > now() - INTERVAL 30 DAY) >= top_percent(20, (SELECT sum(properties.total) FROM events WHERE ts > now() - INTERVAL 30 DAY))"},
		{"buyers", "EXISTS (SELECT 1 FROM profiles WHERE address.city = outer.address.city AND EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts > now() - INTERVAL 9 DAY))"},
	} {
		w.say(t, s[0], s[1])
	}
	if _, err := w.e.DefineTrait(t.Context(), "idle", "days_between(last_seen, now())"); err != nil {
		t.Fatal(err)
	}
	w.say(t, "idle", "idle >= 5 AND NOT in_segment('ranked')")
	w.say(t, "gone", "known")
	if err := w.e.DropSegment(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	delete(w.texts, "gone")
	for range 6 {
		w.define(t, r)
	}
	segmentsHold(t, w.e)

	again := func(passed time.Duration, want bool) {
		t.Helper()
		w.now = w.now.Add(passed)
		w.reopen(t)
		if _, err := os.Stat(w.file()); want != (err == nil) {
			t.Errorf("the file was believed: %v, want %v", err == nil, want)
		}
		if all, err := w.e.Segments(t.Context()); err != nil || want && all[0].State != "live" {
			t.Errorf("a segment is %v (%v), though the directory was closed in order", all[0].State, err)
		}
		w.clock(t)
		segmentsHold(t, w.e)
		w.compare(t)
		w.replay(t, map[kith.Cause]int{})
	}
	again(0, true)
	again(3*24*time.Hour, true)
	Lines(t, w.e, lines[200:300]...)
	again(0, true)
	Lines(t, w.e, lines[300:]...)
	again(40*24*time.Hour, true)

	close := func() []byte {
		t.Helper()
		if err := w.e.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(w.file())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	put := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(w.file(), b, 0o600); err != nil {
			t.Fatal(err)
		}
		again(0, false)
	}
	old := close()
	w.open(t)
	Lines(t, w.e, crowd(r, 20, w.now)...)
	now := close()
	if bytes.Equal(old, now) {
		t.Error("the file of another state is the same")
	}
	put(old)
	whole := close()
	put(whole[:len(whole)-1])
	whole = close()
	whole[r.IntN(len(whole))] ^= 1 << r.IntN(8)
	put(whole)
	again(time.Hour, true)
}

func (w *liveWorld) file() string { return filepath.Join(w.dir, "live") }
