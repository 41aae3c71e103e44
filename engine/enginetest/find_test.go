package enginetest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// found gives the public ids of who is found, best first.
func found(t testing.TB, e *engine.Engine, typed string) []string {
	t.Helper()
	got, err := e.Find(context.Background(), typed, &engine.FindOptions{Limit: 1000})
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	if got.Partial {
		t.Error("Find says that it did not look at all")
	}
	var ids []string
	for _, p := range got.People {
		ids = append(ids, p.Public)
	}
	return ids
}

// The people of the random test have few names, which are like each other.
var (
	givenNames  = []string{"Ada", "Adam", "Adele", "Ädna", "ADA-Marie", "José", "Jose", "Zoë", "Łukasz", "Марина", "O'Brien"}
	familyNames = []string{"Lovelace", "Lovell", "Lovejoy", "Love", "Müller", "Mueller", "Muller", "Møller", "Strauß", "Strauss", "Марина"}
)

// namesake makes an event about one of few people.
func namesake(r *rand.Rand, i, people int) string {
	who := func() string { return fmt.Sprint("u-", r.IntN(people)) }
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	mail := func() string {
		return fmt.Sprintf("%s.%d@example.org", []string{"ada", "lovel", "zoe"}[r.IntN(3)], r.IntN(people))
	}
	traits := map[string]any{}
	if r.IntN(2) == 0 {
		traits["firstName"] = pick(givenNames)
	}
	if r.IntN(2) == 0 {
		traits["last_name"] = pick(familyNames)
	}
	switch r.IntN(8) {
	case 0:
		traits["name"] = nil
	case 1:
		traits["name"] = pick(givenNames) + " " + pick(familyNames)
	case 2:
		traits["company"] = map[string]any{"name": pick(familyNames) + " & Söhne", "since": "2001-01-01", "tags": []string{pick(givenNames), "vip"}}
	case 3:
		traits["phone"] = fmt.Sprintf("+49 170 12345%02d", r.IntN(people))
	case 4:
		traits["email"] = mail()
	}
	ev := map[string]any{
		"type": "identify", "messageId": fmt.Sprint("m", i), "traits": traits,
		"timestamp": fmt.Sprintf("2026-01-%02dT%02d:%02d:00Z", 1+r.IntN(28), r.IntN(24), r.IntN(60)),
	}
	switch r.IntN(5) {
	case 0:
		ev["anonymousId"] = fmt.Sprint("ada-", r.IntN(people))
	case 1:
		ev["anonymousId"], ev["userId"] = fmt.Sprint("ada-", r.IntN(people)), who()
	case 2:
		ev["context"] = map[string]any{"traits": map[string]any{"email": mail()}}
		ev["userId"] = who()
	default:
		ev["userId"] = who()
	}
	if r.IntN(6) == 0 {
		ev["type"], ev["event"] = "track", "Seen"
		if ev["userId"] == nil && ev["anonymousId"] == nil {
			ev["userId"] = who()
		}
	}
	line, err := json.Marshal(ev)
	if err != nil {
		panic(err)
	}
	return string(line)
}

// typedBy gives something to look for: beginnings of names, some with an error.
func typedBy(r *rand.Rand, people int) string {
	var words []string
	for range 1 + r.IntN(2) {
		list := [][]string{givenNames, familyNames, {"example", "söhne", "vip", "org", "lovel", "12345", "nobody"},
			{fmt.Sprint("u-", r.IntN(people)), fmt.Sprint("ada-", r.IntN(people)), fmt.Sprintf("ada.%d@example.org", r.IntN(people)), fmt.Sprintf("0170 12345%02d", r.IntN(people))}}[r.IntN(4)]
		w := []rune(list[r.IntN(len(list))])
		if i := r.IntN(len(w)); r.IntN(2) == 0 {
			w = w[:i+1]
		}
		if len(w) > 2 && r.IntN(2) == 0 {
			switch i := r.IntN(len(w) - 1); r.IntN(4) {
			case 0:
				w = slices.Delete(w, i, i+1)
			case 1:
				w = slices.Insert(w, i, rune('a'+r.IntN(26)))
			case 2:
				w[i] = rune('a' + r.IntN(26))
			default:
				w[i], w[i+1] = w[i+1], w[i]
			}
		}
		words = append(words, string(w))
	}
	return strings.Join(words, " ")
}

// plainly folds and splits a text by the letters that this test has.
func plainly(text string) (words []string, number bool) {
	fold := strings.NewReplacer("ä", "a", "é", "e", "ë", "e", "ł", "l", "ü", "u", "ö", "o", "ø", "o", "ß", "ss", "'", "")
	low := fold.Replace(strings.ToLower(text))
	digits := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, low)
	if len(digits) >= 7 && strings.Trim(low, "0123456789+-() ./") == "" {
		return []string{digits}, true
	}
	return strings.FieldsFunc(low, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), false
}

// worth is how well a text fits a word typed: 0 exactly, 1 by its beginning, 2
// but for one error, 3 not at all.
func worth(typed string, asNumber bool, text string) int {
	least := 3
	words, number := plainly(text)
	for _, w := range words {
		end := typed
		if asNumber {
			end = strings.TrimLeft(typed, "0")
		}
		digits := strings.Trim(typed, "0123456789") == ""
		switch {
		case w == typed:
			return 0
		case strings.HasPrefix(w, typed), digits && len(end) >= 4 && number && strings.HasSuffix(w, end):
			least = min(least, 1)
		case len([]rune(typed)) >= 4 && !strings.ContainsAny(typed, "0123456789") && nearly([]rune(typed), []rune(w)):
			least = min(least, 2)
		}
	}
	return least
}

// nearly tries every error there is.
func nearly(typed, word []rune) bool {
	begins := func(with []rune) bool { return strings.HasPrefix(string(word), string(with)) }
	for i := range typed {
		if begins(slices.Delete(slices.Clone(typed), i, i+1)) {
			return true
		}
		for _, r := range word {
			other := slices.Clone(typed)
			other[i] = r
			if begins(other) || begins(slices.Insert(slices.Clone(typed), i, r)) {
				return true
			}
		}
		if i > 0 {
			other := slices.Clone(typed)
			other[i-1], other[i] = other[i], other[i-1]
			if begins(other) {
				return true
			}
		}
	}
	return false
}

// allPeople gives all people, by their public ids.
func allPeople(t testing.TB, e *engine.Engine) map[string]*kith.Profile {
	t.Helper()
	people := map[string]*kith.Profile{}
	for _, row := range SQL(t, e, "SELECT space, value FROM identifiers") {
		space, value, _ := strings.Cut(row, " | ")
		p, err := e.Profile(context.Background(), kith.Identifier{Space: space, Value: value})
		if errors.Is(err, kith.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		people[p.Public] = p
	}
	return people
}

// saidBy gives the texts that a person is found by.
func saidBy(p *kith.Profile) (texts []string) {
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if !strings.HasPrefix(v, "2001-") {
				texts = append(texts, v)
			}
		case []any:
			for _, w := range v {
				walk(w)
			}
		case map[string]any:
			for _, w := range v {
				walk(w)
			}
		}
	}
	for _, tr := range p.Traits {
		var v any
		if err := json.Unmarshal(tr.Value, &v); err != nil {
			panic(err)
		}
		walk(v)
	}
	for _, l := range p.Links {
		if l.Space != "anonymous_id" {
			texts = append(texts, l.Value)
		}
	}
	return texts
}

// slowly finds people by looking at everybody.
func slowly(people map[string]*kith.Profile, typed string) []string {
	type hit struct {
		p     *kith.Profile
		score int
	}
	var hits []hit
	words, number := plainly(typed)
	for _, p := range people {
		texts, h := saidBy(p), hit{p: p}
		for _, w := range words {
			least := 3
			for _, text := range texts {
				least = min(least, worth(w, number, text))
			}
			h.score += []int{0, 1, 1000, 1_000_000}[least]
		}
		for i, space := range []string{"user_id", "email", "phone", "device_id", "anonymous_id"} {
			for _, l := range p.Links {
				if l.Space == space && (l.Value == typed || space == "email" && strings.EqualFold(l.Value, typed)) {
					h.score = min(h.score, i-10)
				}
			}
		}
		if h.score < 1_000_000 {
			hits = append(hits, h)
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.score, b.score), b.p.LastSeen.Compare(a.p.LastSeen), cmp.Compare(a.p.ID, b.p.ID))
	})
	var ids []string
	for _, h := range hits {
		ids = append(ids, h.p.Public)
	}
	return ids
}

// TestFindLikeLookingAtEverybody tells about people who merge, change and are
// taken back, and compares who is found with looking at everybody.
func TestFindLikeLookingAtEverybody(t *testing.T) {
	rounds(t, 2, 30, func(t *testing.T, round int, seed uint64) {
		r := dice(seed, "find")
		dir := filepath.Join(t.TempDir(), "kith")
		o := &engine.Options{}
		if round%3 == 2 {
			dir = ""
		}
		e, err := engine.Open(dir, quiet(o))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { e.Close() }()
		n, people, got := 0, 10+r.IntN(40), 0
		var loads []uint32
		for range 8 {
			var lines []string
			for range 20 + r.IntN(60) {
				n++
				lines = append(lines, namesake(r, n, people))
			}
			report, err := e.Load(context.Background(), strings.NewReader(strings.Join(lines, "\n")), nil)
			if err != nil {
				t.Fatal(err)
			}
			loads = append(loads, report.Load)
			switch r.IntN(4) {
			case 0:
				i := r.IntN(len(loads))
				if _, err := e.Unload(context.Background(), loads[i], nil); err != nil {
					t.Fatal(err)
				}
				loads = slices.Delete(loads, i, i+1)
			case 1:
				if dir == "" {
					break
				}
				if r.IntN(3) == 0 {
					if rep, err := e.Check(context.Background(), &engine.CheckOptions{Rebuild: true}); err != nil || !rep.Same {
						t.Fatalf("rebuild: %v, %v", err, rep.Problems)
					}
				}
				if r.IntN(2) == 0 {
					left := filepath.Join(t.TempDir(), "killed")
					Copy(t, dir, left)
					e.Close()
					dir = left
				} else if err := e.Close(); err != nil && !errors.Is(err, kith.ErrClosed) {
					t.Fatal(err)
				}
				if e, err = engine.Open(dir, quiet(o)); err != nil {
					t.Fatal(err)
				}
			}
			all := allPeople(t, e)
			for range 40 {
				typed := typedBy(r, people)
				if words, _ := plainly(typed); len(words) == 0 {
					continue
				}
				is, want := found(t, e, typed), slowly(all, typed)
				if !slices.Equal(is, want) {
					t.Fatalf("Find(%q) gives %v, want %v", typed, is, want)
				}
				got += len(is)
			}
		}
		Check(t, e)
		if got < 500 {
			t.Errorf("%d were found in all: that proves little", got)
		}
	})
}
