package enginetest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// identifiers is what a list is imported from: space=value, one on each line.
type identifiers struct {
	texts []string
	at    int
}

func handing(texts ...string) *identifiers { return &identifiers{texts: texts} }

func (i *identifiers) Next() (kith.Identifier, int64, error) {
	if i.at == len(i.texts) {
		return kith.Identifier{}, int64(i.at), io.EOF
	}
	i.at++
	space, value, ok := strings.Cut(i.texts[i.at-1], "=")
	if !ok {
		return kith.Identifier{}, int64(i.at), nil
	}
	return kith.Identifier{Space: space, Value: value}, int64(i.at), nil
}

// onList is what is on a static list, as who imports it knows.
type onList map[string]bool

// hand imports some more of crowd's identifiers, some of which nobody has yet.
func (l onList) hand(t testing.TB, r *rand.Rand, e *engine.Engine, name string) {
	t.Helper()
	mode := one(r, engine.ReplaceList, engine.AddToList, engine.AddToList, engine.RemoveFrom)
	if len(l) == 0 && mode == engine.RemoveFrom {
		mode = engine.AddToList
	}
	var texts []string
	for range 1 + r.IntN(25) {
		texts = append(texts, one(r, fmt.Sprintf("user_id=u%d", r.IntN(50)), fmt.Sprintf("anonymous_id=anon-%d", r.IntN(60))))
	}
	rep, err := e.ImportList(context.Background(), name, handing(texts...), mode)
	if err != nil {
		t.Fatal(err)
	}
	if mode == engine.ReplaceList {
		clear(l)
	}
	for _, text := range texts {
		if mode == engine.RemoveFrom {
			delete(l, text)
		} else {
			l[text] = true
		}
	}
	if rep.Entries != len(l) {
		t.Errorf("%s: %d identifiers after %s, want %d", name, rep.Entries, mode, len(l))
	}
}

// listsHold compares lists with what is known of them by other ways: who has
// their identifiers as the table of identifiers tells, the condition, the
// function of SQL, and the table of lists.
func listsHold(t *testing.T, e *engine.Engine, lists map[string]onList) {
	t.Helper()
	owners := map[string]string{}
	for _, row := range SQL(t, e, "SELECT space || '=' || value, profile_id FROM identifiers") {
		id, who, _ := strings.Cut(row, " | ")
		owners[id] = who
	}
	there := map[string]bool{}
	for _, row := range SQL(t, e, "SELECT id FROM profiles") {
		there[row] = true
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		people, waiting := map[string]bool{}, 0
		for id := range lists[name] {
			who, ok := owners[id]
			if !ok {
				waiting++
			}
			if there[who] {
				people[who] = true
			}
		}
		want := slices.Sorted(maps.Keys(people))
		asked := []string{}
		for _, id := range ids(t, e, "in_list('"+name+"')", nil) {
			asked = append(asked, fmt.Sprint(id))
		}
		slices.Sort(asked)
		said := SQL(t, e, "SELECT id FROM profiles WHERE in_list('"+name+"', id)")
		slices.Sort(said)
		if !slices.Equal(asked, want) || !slices.Equal(said, want) {
			t.Errorf("on list %s are %v, by SQL %v, want %v", name, asked, said, want)
		}
		row := strings.Join(SQL(t, e, "SELECT entries, waiting, members FROM lists WHERE name = '"+name+"'"), "\n")
		if tells := fmt.Sprintf("%d | %d | %d", len(lists[name]), waiting, len(want)); row != tells {
			t.Errorf("list %s: the table says %s, want %s", name, row, tells)
		}
	}
}
