package world

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"
)

// told is a line as a reader that knows nothing of this package sees it.
type told struct {
	Type, Event, Name, MessageID, UserID, AnonymousID, PreviousID string
	GroupID                                                       *string
	Timestamp, OriginalTimestamp, SentAt, ReceivedAt              string
	Traits                                                        struct{ Email, Phone string }
	Context                                                       struct{ Device struct{ ID string } }
	Properties                                                    json.RawMessage
}

// recount counts a world by reading its lines, with every table it wants.
type recount struct {
	Truth
	t      *testing.T
	seen   map[string]string // message id -> payload
	before string
	links  map[string]string          // identifier -> another of the same person
	logins map[string]map[string]bool // anonymous id -> user ids that were said on it
	alone  map[string]bool            // anonymous ids with a line of their own
	bytes  int                        // of track lines
	tracks int
}

// root is the union-find's: who an identifier is in the end.
func (r *recount) root(id string) string {
	for r.links[id] != "" {
		id = r.links[id]
	}
	return id
}

func (r *recount) link(a, b string) {
	if a, b = r.root(a), r.root(b); a != b {
		r.links[a] = b
	}
}

// verdict says what the specification's rules make of a line, and of which time it is.
func (r *recount) verdict(line []byte, ev *told) (code string, at time.Time) {
	if len(line) > 32<<10 {
		return "too_large", at
	}
	depth := 0
	for _, c := range line {
		if c == '[' || c == '{' {
			if depth++; depth > 200 {
				return "too_deep", at
			}
		}
		if c == ']' || c == '}' {
			depth--
		}
	}
	switch err := json.Unmarshal(line, ev); {
	case err != nil && strings.Contains(string(line), "NaN"):
		return "not_a_number", at
	case err != nil:
		return "not_json", at
	case strings.Contains(string(line), `\u0000":`):
		return "nul_in_key", at
	case ev.Type == "":
		return "no_type", at
	case !strings.Contains(" identify track page screen group alias ", " "+ev.Type+" "):
		return "unknown_type", at
	case ev.Type == "alias" && ev.PreviousID == "":
		return "no_previous", at
	case ev.UserID == "" && ev.AnonymousID == "":
		return "no_identity", at
	case ev.Type == "track" && ev.Event == "":
		return "no_event", at
	case ev.Type == "group" && (ev.GroupID == nil || *ev.GroupID == ""):
		return "no_group", at
	case len(ev.Properties) > 0 && ev.Properties[0] != '{':
		return "bad_properties", at
	}
	return r.when(ev)
}

func (r *recount) when(ev *told) (code string, at time.Time) {
	parse := func(s string) (t time.Time) {
		if s == "" {
			return t
		}
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			code = "bad_time"
		}
		return t
	}
	received := parse(ev.ReceivedAt)
	if ev.ReceivedAt < r.before || ev.ReceivedAt < "2024-07-01T" || ev.ReceivedAt > "2026-06-30T23:59:59.999Z" {
		r.t.Fatalf("receivedAt %s after %s", ev.ReceivedAt, r.before)
	}
	r.before = ev.ReceivedAt
	if ev.Timestamp != "" {
		at = parse(ev.Timestamp)
	} else {
		at = received.Add(-parse(ev.SentAt).Sub(parse(ev.OriginalTimestamp)))
	}
	return code, at
}

// payload is the line without what the fingerprint ignores.
func payload(t *testing.T, line []byte) string {
	var m map[string]any
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "sentAt")
	delete(m, "receivedAt")
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (r *recount) read(line []byte) {
	var ev told
	r.Lines++
	code, at := r.verdict(line, &ev)
	if code != "" {
		r.Rejects[code]++
		return
	}
	said := payload(r.t, line)
	if old, ok := r.seen[ev.MessageID]; ok {
		r.Duplicates++
		if old != said {
			r.Synthetic++
		}
		return
	}
	r.seen[ev.MessageID] = said
	r.Accepted++
	r.Calls[ev.Type]++
	r.meet(&ev)
	received, err := time.Parse(time.RFC3339Nano, ev.ReceivedAt)
	if err != nil {
		r.t.Fatal(err)
	}
	switch d := received.Sub(at); {
	case d < 0:
		r.Clamped++
	case d > 41*24*time.Hour:
		r.t.Errorf("an event is %s late", d)
	case d > time.Hour:
		r.Late++
	}
	if ev.Type == "track" {
		r.Events[ev.Event]++
		r.tracks++
		r.bytes += len(line)
	}
	if ev.Event == "Order Completed" {
		r.order(ev.Properties)
	}
}

// meet links what stands in one line, and remembers who was on which device.
func (r *recount) meet(ev *told) {
	anon := "anonymous_id=" + ev.AnonymousID
	if ev.Type == "alias" {
		anon = "anonymous_id=" + ev.PreviousID
	}
	var ids []string
	for _, id := range []string{"user_id=" + ev.UserID, "email=" + ev.Traits.Email, "phone=" + ev.Traits.Phone, "device_id=" + ev.Context.Device.ID} {
		if !strings.HasSuffix(id, "=") {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		r.alone[anon] = true
	}
	if ev.UserID != "" && !strings.HasSuffix(anon, "=") {
		if r.logins[anon] == nil {
			r.logins[anon] = map[string]bool{}
		}
		r.logins[anon][ev.UserID] = true
	} else if len(ids) > 0 && !strings.HasSuffix(anon, "=") {
		r.link(ids[0], anon)
	}
	for _, id := range ids {
		r.link(ids[0], id)
	}
	if len(ids) > 0 {
		r.links[r.root(ids[0])] += ""
	} else {
		r.links[r.root(anon)] += ""
	}
}

// order checks the arithmetic of an order and adds it up.
func (r *recount) order(properties []byte) {
	var p struct {
		OrderID                            string `json:"order_id"`
		Currency                           string
		Shipping, Discount, Revenue, Total json.Number
		Products                           []struct {
			Price    json.Number
			Quantity int64
		}
	}
	if err := json.Unmarshal(properties, &p); err != nil {
		r.t.Fatal(err)
	}
	cents := func(n json.Number) int64 {
		v, ok := new(big.Rat).SetString(n.String())
		if !ok {
			r.t.Fatalf("no number: %q", n)
		}
		if v.Mul(v, big.NewRat(100, 1)); !v.IsInt() {
			r.t.Fatalf("parts of a cent: %s", n)
		}
		return v.Num().Int64()
	}
	goods := int64(0)
	for _, it := range p.Products {
		goods += it.Quantity * cents(it.Price)
	}
	if got, want := cents(p.Total), goods-cents(p.Discount)+cents(p.Shipping); got != want || len(p.Products) == 0 {
		r.t.Errorf("total = %d cents, want %d", got, want)
	}
	if _, ok := r.seen["order "+p.OrderID]; ok || p.OrderID == "" {
		r.t.Errorf("order %q stands twice", p.OrderID)
	}
	r.seen["order "+p.OrderID] = ""
	r.Orders++
	r.Revenue[p.Currency] += cents(p.Total)
}

// settle applies the default rules to what was met: a device on which several
// accounts were used belongs to none of them.
func (r *recount) settle() {
	for anon, users := range r.logins {
		if len(users) > 1 {
			if r.alone[anon] {
				r.Shared++
			}
			continue
		}
		for u := range users {
			r.link("user_id="+u, anon)
		}
	}
	who := map[string]bool{}
	for id := range r.links {
		if len(r.logins[id]) > 1 && !r.alone[id] {
			continue
		}
		root := r.root(id)
		personal := strings.HasPrefix(id, "user_id=") || strings.HasPrefix(id, "email=")
		who[root] = who[root] || personal
	}
	for _, known := range who {
		r.Profiles++
		if known {
			r.Known++
		}
	}
}

func (w World) recount(t *testing.T) *recount {
	r := &recount{t: t, seen: map[string]string{}, links: map[string]string{}, logins: map[string]map[string]bool{}, alone: map[string]bool{}}
	r.Rejects, r.Calls, r.Events, r.Revenue = map[string]int{}, map[string]int{}, map[string]int{}, map[string]int64{}
	for _, wr := range wrongs {
		r.Rejects[wr.code] = 0
	}
	r.People = w.People
	for line := range w.Lines() {
		r.read(line)
	}
	r.settle()
	return r
}

func TestTruthIsWhatAReaderCounts(t *testing.T) {
	for _, w := range []World{{2000, 40_000, 1}, {3000, 15_000, 2}, {4000, 4100, 3}, {10, 110, 4}, {20, 15_000, 5}, {900, 12_000, uint64(time.Now().UnixNano())}} {
		t.Run(fmt.Sprintf("%d people %d events seed %d", w.People, w.Events, w.Seed), func(t *testing.T) {
			want := w.recount(t).Truth
			got, err := w.Truth(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
				t.Errorf("Truth\n got %s\nread %s", g, w)
			}
			if got, want := got.Lines, w.Events; got != want {
				t.Errorf("lines = %d, want %d", got, want)
			}
		})
	}
}

func TestRatesAreAboutWhatIsSaid(t *testing.T) {
	w := World{People: 5000, Events: 100_000, Seed: 8}
	r := w.recount(t)
	per := func(n int) float64 { return float64(n) * 1000 / float64(w.Events) }
	for code, n := range r.Rejects {
		if lo, hi := 0.6, 1.4; code != "too_large" && (per(n) < lo || per(n) > hi) {
			t.Errorf("%s: %.3f in 1,000, want %.1f to %.1f", code, per(n), lo, hi)
		}
	}
	for _, c := range []struct {
		name   string
		n      int
		lo, hi float64 // in 1,000
	}{
		{"duplicates", r.Duplicates, 4, 8}, {"synthetic", r.Synthetic, 0.1, 0.4}, {"late", r.Late, 10, 40}, {"clamped", r.Clamped, 0.2, 0.6},
		{"orders", r.Orders, 10, 25}, {"track", r.Calls["track"], 650, 750}, {"identify", r.Calls["identify"], 40, 90},
	} {
		if p := per(c.n); p < c.lo || p > c.hi {
			t.Errorf("%s: %.2f in 1,000, want %.1f to %.1f", c.name, p, c.lo, c.hi)
		}
	}
	if got := r.bytes / r.tracks; got < 740 || got > 790 {
		t.Errorf("a track line has %d bytes on average, want about 768", got)
	}
	if r.Shared == 0 || r.Known*100 < w.People*60 || r.Known*100 > w.People*80 {
		t.Errorf("known %d, shared devices %d", r.Known, r.Shared)
	}
}

func TestAdaLivesInEveryWorld(t *testing.T) {
	for _, w := range []World{{10, 110, 1}, {2000, 30_000, 2}, {500, 3000, 3}} {
		devices, kinds, orders := map[string]bool{}, map[string]bool{}, 0
		for line := range w.Lines() {
			var ev told
			if json.Unmarshal(line, &ev) != nil || ev.UserID != "ada" {
				continue
			}
			if ev.Type == "identify" && ev.Traits.Email != Ada {
				t.Errorf("Ada's address is another one")
			}
			devices[ev.AnonymousID], kinds[ev.Type] = true, true
			if ev.Event == "Order Completed" {
				orders++
			}
		}
		if got, want := orders, adaOrders; got != want {
			t.Errorf("%+v: orders = %d, want %d", w, got, want)
		}
		if got, want := len(devices), 2; got != want {
			t.Errorf("%+v: devices = %d, want %d", w, got, want)
		}
		if !kinds["identify"] || !kinds["page"] || !kinds["screen"] {
			t.Errorf("%+v: calls = %v", w, maps.Keys(kinds))
		}
	}
}
