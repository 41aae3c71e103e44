package clean

import (
	"errors"
	"slices"
	"time"

	"github.com/kithdb/kith"
)

// Parts is an event as it is stored: what Original puts together again.
type Parts struct {
	Kind                           kith.Kind
	Name, MessageID                string
	UserID, AnonymousID            string // the strongest identifier of user_id and of anonymous_id; empty: none
	Time, Original, Sent, Received int64  // NoTime: absent
	Cells, Secret                  []byte // Secret nil: what is identifying is left out
}

// Original appends the event as one nested JSON object of the specification:
// cleaned again it has the same payload print. Times are UTC, to the µs;
// members come in the order of the specification, then as they were. It ends
// with ErrCorrupt where the cells are not what a Cleaner wrote.
func Original(dst []byte, paths interface{ Path(id uint32) string }, p *Parts) ([]byte, error) {
	var t tree
	var bad error
	for _, cells := range [...][]byte{p.Cells, p.Secret} {
		err := EachCell(cells, func(path uint32, text []byte) bool {
			bad = errors.Join(bad, t.cell(paths.Path(path), path, text))
			return true
		})
		if bad = errors.Join(bad, err); bad != nil {
			return dst, &kith.Error{Op: "clean.Original", Kind: kith.ErrCorrupt, Err: bad}
		}
	}
	head := tree{}
	head.put("type", quoted(p.Kind.String()))
	switch p.Kind {
	case kith.Track:
		head.put("event", quoted(p.Name))
	case kith.Page, kith.Screen:
		if p.Name != hidden && t.text("properties", "name") != string(quoted(p.Name)) { // a hidden one is a leaf
			head.put("name", quoted(p.Name))
		}
	}
	head.put("messageId", quoted(p.MessageID))
	head.put("userId", quoted(p.UserID))
	head.put("anonymousId", quoted(p.AnonymousID))
	if p.Original != NoTime || p.Time != p.Received { // else it did not say when it happened
		head.put("timestamp", stamp(p.Time))
	}
	head.put("originalTimestamp", stamp(p.Original))
	head.put("sentAt", stamp(p.Sent))
	head.put("receivedAt", stamp(p.Received))
	for _, m := range t.list { // a leaf wins over what the parts say
		if string(m.leaf) == "null" && (m.key == "userId" || m.key == "anonymousId") { // it was absent: see keepID
			head.list = slices.DeleteFunc(head.list, func(o *tree) bool { return o.key == m.key })
			continue
		}
		head.replace(m)
	}
	return head.append(dst), nil
}

// quoted gives s as a JSON string, nil when it is empty.
func quoted(s string) []byte {
	if s == "" {
		return nil
	}
	return appendString(nil, s)
}

// stamp gives a time as a JSON string, nil when it is absent.
func stamp(us int64) []byte {
	if us == NoTime {
		return nil
	}
	return []byte(time.UnixMicro(us).UTC().Format(`"2006-01-02T15:04:05.999999Z"`))
}

// tree is a JSON object that is being put together, in the order of first sight.
type tree struct {
	key  string
	leaf []byte // nil: an object
	list []*tree
}

var errCell = errors.New("a leaf without a path")

// cell adds one leaf; the one at MorePath is many.
func (t *tree) cell(path string, id uint32, text []byte) error {
	if id != More {
		return t.add(path, text)
	}
	for w := (walk{b: text}); w.member(); {
		if err := t.add(string(w.key()), w.value()); err != nil {
			return err
		}
	}
	return nil
}

// add adds a leaf at a dotted path.
func (t *tree) add(path string, text []byte) error {
	if len(text) == 0 {
		return errCell
	}
	for _, key := range Keys(path) {
		t = t.at(key)
	}
	t.leaf = text
	return nil
}

// at gives the member with the key, made when it is not there.
func (t *tree) at(key string) *tree {
	for _, m := range t.list {
		if m.key == key {
			return m
		}
	}
	m := &tree{key: key}
	t.list = append(t.list, m)
	return m
}

// put adds a member, when there is something to say.
func (t *tree) put(key string, text []byte) {
	if text != nil {
		t.list = append(t.list, &tree{key: key, leaf: text})
	}
}

// replace adds a member, in the place of one with the same key.
func (t *tree) replace(m *tree) {
	for k := range t.list {
		if t.list[k].key == m.key {
			t.list[k] = m
			return
		}
	}
	t.list = append(t.list, m)
}

// text gives the JSON text of a leaf, "" when there is none.
func (t *tree) text(keys ...string) string {
	for _, key := range keys {
		i := slices.IndexFunc(t.list, func(m *tree) bool { return m.key == key })
		if i < 0 {
			return ""
		}
		t = t.list[i]
	}
	return string(t.leaf)
}

func (t *tree) append(dst []byte) []byte {
	if t.leaf != nil {
		return append(dst, t.leaf...)
	}
	dst = append(dst, '{')
	for k, m := range t.list {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, m.key), ':')
		dst = m.append(dst)
	}
	return append(dst, '}')
}
