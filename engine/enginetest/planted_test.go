package enginetest

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/dgraph-io/badger/v4"
	_ "github.com/duckdb/duckdb-go/v2" // reads parts without compression
	"github.com/klauspost/compress/s2"

	"github.com/kithdb/kith/engine"
)

// identifying are events with one planted value, $, each. The value says who somebody is.
var identifying = map[string]string{
	"userId":                  `{"type":"track","event":"E","userId":"$"}`,
	"anonymousId":             `{"type":"page","name":"P","anonymousId":"$"}`,
	"previousId":              `{"type":"alias","userId":"u1","previousId":"$"}`,
	"a second id":             `{"type":"identify","userId":"u2","anonymousId":"$"}`,
	"e-mail":                  `{"type":"identify","userId":"u3","traits":{"email":"$@example.org"}}`,
	"e-mail in context":       `{"type":"track","event":"E","userId":"u4","context":{"traits":{"email":"$@example.org"}}}`,
	"phone":                   `{"type":"identify","userId":"u5","traits":{"phone":"$"}}`,
	"name":                    `{"type":"identify","userId":"u6","traits":{"name":"$"}}`,
	"first name":              `{"type":"identify","userId":"u6","traits":{"firstName":"$","last_name":"x"}}`,
	"last name":               `{"type":"identify","userId":"u6","traits":{"last_name":"$"}}`,
	"street":                  `{"type":"identify","userId":"u7","traits":{"address":{"street":"1 $ Road","city":"Gent"}}}`,
	"username":                `{"type":"identify","userId":"u8","traits":{"username":"$"}}`,
	"avatar":                  `{"type":"identify","userId":"u9","traits":{"avatar":"https://img.example/$.png"}}`,
	"free text":               `{"type":"identify","userId":"u10","traits":{"description":"likes $ very much"}}`,
	"comment":                 `{"type":"track","event":"Reviewed","userId":"u10","properties":{"comment":"this is $ indeed"}}`,
	"ip":                      `{"type":"track","event":"E","userId":"u11","context":{"ip":"$"}}`,
	"device id":               `{"type":"screen","name":"S","userId":"u12","context":{"device":{"id":"$","advertisingId":"x-1"}}}`,
	"advertising id":          `{"type":"screen","name":"S","userId":"u12","context":{"device":{"advertisingId":"$"}}}`,
	"external id":             `{"type":"track","event":"E","context":{"externalIds":[{"id":"$","type":"crm","collection":"users","encoding":"none"}]}}`,
	"looks like e-mail":       `{"type":"track","event":"E","userId":"u13","properties":{"contact_of":"$@example.org"}}`,
	"e-mail deep down":        `{"type":"track","event":"E","userId":"u13","properties":{"a":{"b":{"c":{"x":"$@example.org"}}}}}`,
	"e-mail in an array":      `{"type":"track","event":"E","userId":"u13","properties":{"cc":["a","$@example.org"]}}`,
	"equals the user id":      `{"type":"track","event":"E","userId":"$","properties":{"buyer_ref":"$","n":1}}`,
	"equals the device":       `{"type":"track","event":"E","anonymousId":"$","properties":{"nested":{"ref":"$"}}}`,
	"equals the e-mail":       `{"type":"identify","userId":"u14","traits":{"email":"$@example.org","login_as":"$@example.org"}}`,
	"trait that is an object": `{"type":"identify","userId":"u15","traits":{"address":{"street":"$","city":"Gent"}}}`,
	"reject without id":       `{"type":"track","event":"E","properties":{"email":"$@example.org"}}`,
	"reject with a name":      `{"type":"identify","traits":{"name":"$"}}`,
	"reject, no call":         `{"type":"nonsense","userId":"$"}`,
	"reject, bad JSON":        `{"type":"track","userId":"$",`,
	"reject, bad time":        `{"type":"track","event":"E","userId":"u16","timestamp":"$"}`,
	"synthetic second":        `{"type":"track","event":"E","messageId":"syn-1","userId":"u17","properties":{"email":"$@example.org"}}`,
	"e-mail as a key":         `{"type":"track","event":"E","userId":"u19","properties":{"by":{"$@example.org":1}}}`,
	"message id, an e-mail":   `{"type":"track","event":"E","messageId":"$@example.org","userId":"u20"}`,
	"message id of a reject":  `{"type":"track","event":"E","messageId":"$@example.org"}`,
	"e-mail in a URL":         `{"type":"page","name":"P","userId":"u21","context":{"page":{"url":"https://shop.example/?e=$%40example.org&x=1"}}}`,
	"e-mail encoded whole":    `{"type":"page","name":"P","userId":"u21","properties":{"url":"https://shop.example/?e=$%2540example%252Eorg"}}`,
	"address line":            `{"type":"identify","userId":"u22","traits":{"address":{"line3":"$","city":"Gent"}}}`,
	"address lines":           `{"type":"identify","userId":"u22","traits":{"address":{"lines":["x","$"]}}}`,
	"apartment":               `{"type":"identify","userId":"u22","traits":{"addresses":[{"apartment":"$"}]}}`,
	"addresses as texts":      `{"type":"identify","userId":"u22","traits":{"addresses":["$"]}}`,
	"parts of a name":         `{"type":"identify","userId":"u23","traits":{"details":{"name":{"first":"$"}}}}`,
	"several e-mails":         `{"type":"identify","userId":"u23","traits":{"emails":{"home":"$"}}}`,
	"a contact in a list":     `{"type":"identify","userId":"u23","traits":{"contacts":[{"name":"$"}]}}`,
	"a nested customer":       `{"type":"track","event":"E","userId":"u23","properties":{"order":{"customers":[{"name":"$"}]}}}`,
	"the user id as a key":    `{"type":"track","event":"E","userId":"$","properties":{"by":{"$":1}}}`,
	"e-mail in an address":    `{"type":"page","name":"P","userId":"u20","context":{"page":{"url":"https://shop.example/?u=$%40example.org","referrer":"https://x.example/?u=$%252540example.org"}}}`,
	"id in an address":        `{"type":"page","name":"P","userId":"$","context":{"page":{"url":"https://shop.example/account/$/orders","path":"/account/$/orders","search":"?id=$"}}}`,
	"id in a nested trait":    `{"type":"identify","userId":"$","traits":{"account":{"ref":"$","plan":{"holder":"$"}}}}`,
	"id in nested properties": `{"type":"track","event":"E","userId":"$","properties":{"order":{"by":{"ref":"$"}},"lines":[{"for":"$"}]}}`,
	"message id, e-mail":      `{"type":"track","event":"E","messageId":"$@mail.example.org","userId":"u21"}`,
	"message id, the user id": `{"type":"track","event":"E","messageId":"$","userId":"$"}`,
	"event name, e-mail":      `{"type":"track","event":"Mail to $@example.org","userId":"u22"}`,
	"page name, e-mail":       `{"type":"page","name":"Profile of $@example.org","userId":"u22"}`,
	"page name in properties": `{"type":"page","userId":"u22","properties":{"name":"Profile of $@example.org"}}`,
	"third address line":      `{"type":"identify","userId":"u23","traits":{"address":{"line3":"$","address_line_4":"$"}}}`,
	"address of a delivery":   `{"type":"track","event":"E","userId":"u23","properties":{"shipping_address":{"street_and_number":"$","line_5":"$"},"billing_street":"$","postalAddress2":"$"}}`,
	"names of people":         `{"type":"track","event":"E","userId":"u24","properties":{"passengers":[{"name":"$"}],"emergency_contact":{"name":"$"},"customer_name":"$"}}`,
	"group call":              `{"type":"group","userId":"u18","groupId":"g1","traits":{"email":"$@example.org","phone":"$"}}`,
}

// descriptive are values that say what somebody is like: stored in the clear, but in no key and no file name.
var descriptive = map[string]string{
	"country":  `{"type":"identify","userId":"d1","traits":{"country":"$"}}`,
	"region":   `{"type":"identify","userId":"d2","traits":{"region":"$"}}`,
	"city":     `{"type":"identify","userId":"d3","traits":{"address":{"city":"$"}}}`,
	"gender":   `{"type":"identify","userId":"d4","traits":{"gender":"$"}}`,
	"birthday": `{"type":"identify","userId":"d5","traits":{"birthday":"$"}}`,
	"company":  `{"type":"identify","userId":"d6","traits":{"company":"$"}}`,
	"title":    `{"type":"identify","userId":"d7","traits":{"title":"$"}}`,
	"plan":     `{"type":"identify","userId":"d8","traits":{"plan":"$"}}`,
}

// needles gives a planted value for each of the fields.
func needles(r *rand.Rand, fields map[string]string) map[string]string {
	out := map[string]string{}
	for name := range fields {
		b := make([]byte, 16)
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[r.IntN(36)]
		}
		out[name] = string(b)
	}
	return out
}

// Values that say who somebody is stand nowhere in the directory's bytes, in no
// spelling, while it is open and when it is closed, compressed or not; values
// that say what somebody is like stand in no key and no file name.
func TestPlantedValuesAreFoundNowhere(t *testing.T) {
	r := dice(seed(t), "planted")
	secret, open := needles(r, identifying), needles(r, descriptive)
	dir := filepath.Join(t.TempDir(), "kith")
	live := filepath.Join(t.TempDir(), "live")
	e, err := engine.Open(dir, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{`{"type":"track","event":"E","messageId":"syn-1","userId":"u17"}`}
	for range 3 { // the second and third are duplicates, and traits that are said again
		for fields, planted := range map[*map[string]string]map[string]string{&identifying: secret, &descriptive: open} {
			for name, value := range planted {
				lines = append(lines, strings.ReplaceAll((*fields)[name], "$", value))
			}
		}
	}
	for name, text := range map[string]string{ // what they keep of events is of memory alone, and so are changes
		"commented": "EXISTS (SELECT 1 FROM events WHERE properties.comment LIKE 'this is%' AND NOT followed_by(text(properties.comment) <> outer.properties.comment))",
		"devices":   "(SELECT count(DISTINCT context.device.id) FROM events) > 0 OR (SELECT most_frequent(properties.contact_of) FROM events) IS NOT NULL",
	} {
		if _, err := e.Define(t.Context(), name, text); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%+v", Lines(t, e, lines...))
	for _, name := range []string{"commented", "devices"} {
		x, err := e.Explain(t.Context(), name, nil)
		if err != nil || x.True == 0 || len(x.Sealed) == 0 {
			t.Fatalf("%s is true for %d: %v", name, x.True, err)
		}
		newHunt(secret).must(t, "an explanation", []byte(fmt.Sprintf("%+v", x)))
	}
	if _, err := e.IngestJSON(context.Background(), "", []byte(strings.Replace(identifying["name"], "$", secret["name"], 1))); err != nil {
		t.Fatal(err)
	}
	if got := SQL(t, e, "SELECT count(*) FROM identifiers WHERE value = ?", secret["userId"]); got[0] != "1" {
		t.Errorf("the planted user id is found %s times by SQL, want once", got[0])
	}
	Copy(t, dir, live)
	Check(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	hunt := newHunt(secret)
	for how, d := range map[string]string{"open": live, "closed": dir} {
		hunt.files(t, how, d)
		hunt.store(t, how, d, open)
		hunt.parts(t, how, d)
	}
	if n := newHunt(open).count(t, dir); n == 0 {
		t.Error("no descriptive value was found anywhere: the hunt is blind")
	}
}

// hunt looks for values in every spelling.
type hunt struct{ heads map[uint64][]spelling }

type spelling struct {
	field, how string
	bytes      []byte
}

func newHunt(planted map[string]string) *hunt {
	h := &hunt{heads: map[uint64][]spelling{}}
	for field, v := range planted {
		h.add(field, "raw", []byte(v))
		h.add(field, "upper case", []byte(strings.ToUpper(v)))
		h.add(field, "hex", []byte(hex.EncodeToString([]byte(v))))
		h.add(field, "upper hex", []byte(strings.ToUpper(hex.EncodeToString([]byte(v)))))
		var le, be []byte
		for _, u := range utf16.Encode([]rune(v)) {
			le, be = binary.LittleEndian.AppendUint16(le, u), binary.BigEndian.AppendUint16(be, u)
		}
		h.add(field, "UTF-16LE", le)
		h.add(field, "UTF-16BE", be)
		for shift := range 3 { // the bytes that do not depend on what stands beside
			b := base64.StdEncoding.EncodeToString(append(make([]byte, shift), v...))
			h.add(field, fmt.Sprint("base64, shift ", shift), []byte(b[(shift*8+5)/6:(shift+16)*8/6]))
		}
	}
	return h
}

func (h *hunt) add(field, how string, b []byte) {
	head := binary.LittleEndian.Uint64(b)
	h.heads[head] = append(h.heads[head], spelling{field, how, b})
}

// find calls f for each spelling that stands in b.
func (h *hunt) find(b []byte, f func(spelling)) {
	for i := 0; i+8 <= len(b); i++ {
		for _, s := range h.heads[binary.LittleEndian.Uint64(b[i:])] {
			if bytes.HasPrefix(b[i:], s.bytes) {
				f(s)
			}
		}
	}
}

// must looks into bytes that must not hold anything planted.
func (h *hunt) must(t *testing.T, where string, b []byte) {
	t.Helper()
	told := map[string]bool{}
	h.find(b, func(s spelling) {
		if !told[s.field+s.how] {
			told[s.field+s.how] = true
			t.Errorf("%s stands in %s (%s)", s.field, where, s.how)
		}
	})
}

// files looks into the files as they are, and their names.
func (h *hunt) files(t *testing.T, how, dir string) {
	t.Helper()
	eachFile(t, dir, func(rel string, data []byte) {
		h.must(t, how+": "+rel, data)
		h.must(t, how+": a file name", []byte(rel))
	})
}

// count gives how often something planted stands in the files.
func (h *hunt) count(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	eachFile(t, dir, func(_ string, data []byte) { h.find(data, func(spelling) { n++ }) })
	return n
}

func eachFile(t *testing.T, dir string, f func(rel string, data []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "ballast" {
			return err
		}
		data, err := os.ReadFile(p)
		f(strings.TrimPrefix(p, dir), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// store looks into every key and value of Badger, the values without S2, and
// for descriptive values into the keys.
func (h *hunt) store(t *testing.T, how, dir string, open map[string]string) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "badger")
	Copy(t, filepath.Join(dir, "badger"), copied)
	db, err := badger.Open(badger.DefaultOptions(copied).WithLogger(nil).WithBypassLockGuard(true))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() // it was only read
	keys, n := newHunt(open), 0
	err = db.View(func(tx *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.AllVersions = true
		it := tx.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			n++
			k := it.Item().KeyCopy(nil)
			h.must(t, how+": a key of the store", k)
			keys.must(t, how+": a key of the store", k)
			v, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			if len(v) > 5 && v[0] == 0x12 { // docs/format.md: S2
				if v, err = s2.Decode(nil, v[1:len(v)-4]); err != nil {
					return err
				}
			}
			h.must(t, fmt.Sprintf("%s: a value of the store under %c", how, k[0]), v)
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Fatalf("%d records: %v", n, err)
	}
}

// parts looks into copies of the parts that are written without compression.
func (h *hunt) parts(t *testing.T, how, dir string) {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(dir, "history", "*.duckdb"))
	if err != nil || len(parts) == 0 {
		t.Fatalf("no parts: %v", err)
	}
	for i, p := range parts {
		to := filepath.Join(t.TempDir(), fmt.Sprintf("%d.plain", i))
		db, err := sql.Open("duckdb", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{
			"SET force_compression='uncompressed'", "ATTACH '" + p + "' AS a", "ATTACH '" + to + "' AS b", "COPY FROM DATABASE a TO b", "DETACH b", "DETACH a",
		} {
			if _, err := db.Exec(q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		h.must(t, how+": uncompressed "+filepath.Base(p), data)
	}
}
