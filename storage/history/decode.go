package history

import (
	"errors"
	"sync"
	"unsafe"

	m "github.com/duckdb/duckdb-go/v2/mapping"
)

// names finds the number of a path; the dictionary of the engine knows only the
// other way.
type names struct {
	mu    sync.RWMutex // guards of and known
	of    map[string]uint32
	known int // how many paths of the dictionary are in of
	paths PathSet
}

func (n *names) id(path []byte) (uint32, bool) {
	n.mu.RLock()
	id, ok := n.of[string(path)]
	known := n.known
	n.mu.RUnlock()
	if ok || known >= n.paths.Len() {
		return id, ok
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for ; n.known < n.paths.Len(); n.known++ {
		n.of[n.paths.Path(uint32(n.known))] = uint32(n.known)
	}
	id, ok = n.of[string(path)]
	return id, ok
}

// decoder makes rows of the chunks of one part.
type decoder struct {
	p    *part
	ids  *names
	cols []int64          // of the shredded columns: the number of the path, -1 when the engine does not know it
	keys map[string]keyed // of rest

	ch     m.DataChunk
	n      int
	base   int // the place of seq among the columns of the chunk
	data   []unsafe.Pointer
	valid  [][]uint64
	hidden []bool // shredded columns whose value stands in rest
	buf    []byte
}

type keyed struct {
	id  uint32
	col int
	ok  bool
}

var errUnknownPath = errors.New("a leaf has a path that the dictionary does not know")

func (h *History) newDecoder(p *part) *decoder {
	d := &decoder{p: p, ids: &h.ids, keys: map[string]keyed{}, hidden: make([]bool, len(p.cols))}
	for _, c := range p.cols {
		id, ok := d.ids.id([]byte(c.Path))
		if !ok {
			d.cols = append(d.cols, -1)
			continue
		}
		d.cols = append(d.cols, int64(id))
	}
	return d
}

// load takes the next chunk; base is the place of seq in it.
func (d *decoder) load(ch m.DataChunk, n, base int) {
	d.ch, d.n, d.base = ch, n, base
	d.data, d.valid = d.data[:0], d.valid[:0]
	for i := range colShred + len(d.p.cols) {
		v := m.DataChunkGetVector(ch, m.IdxT(base+i))
		d.data = append(d.data, m.VectorGetData(v))
		d.valid = append(d.valid, validity(ch, base+i, n))
	}
}

func (d *decoder) here(col, i int) bool { return valid(d.valid[col], i) }

func get[T any](d *decoder, col, i int) (v T) {
	if d.here(col, i) {
		v = *(*T)(unsafe.Add(d.data[col], uintptr(i)*unsafe.Sizeof(v)))
	}
	return v
}

// bytes views a text; nil: the row has none.
func (d *decoder) bytes(col, i int) []byte {
	if !d.here(col, i) {
		return nil
	}
	return (*text)(unsafe.Add(d.data[col], i*16)).bytes()
}

// row makes row i of the chunk. It shares no memory with the chunk.
func (d *decoder) row(i int) (Row, error) {
	r := Row{
		Seq: get[uint64](d, colSeq, i), Fragment: get[uint32](d, colFragment, i),
		Kind: get[uint8](d, colKind, i), Flags: get[uint8](d, colFlags, i), Load: get[uint32](d, colLoad, i),
		Name: string(d.bytes(colName, i)), Source: string(d.bytes(colSource, i)),
		Time: NoTime,
	}
	if d.here(colTime, i) {
		r.Time = get[int64](d, colTime, i)
	}
	var g [timeKinds]gap
	for k := range g {
		near, far := colReceived+k, colReceivedFar+k
		g[k] = gap{get[int32](d, near, i), get[int64](d, far, i), d.here(far, i), d.here(near, i)}
	}
	t := times(r.Time, &g)
	r.Received, r.Sent, r.Original = t[timeReceived], t[timeSent], t[timeOriginal]
	r.Also = appendAlso(nil, d.bytes(colAlso, i))
	if d.here(colMID, i) {
		r.MessageID = string(appendUUID(nil, get[int128](d, colMID, i)))
	} else {
		r.MessageID = string(d.bytes(colMIDText, i))
	}
	if b := d.bytes(colSealed, i); b != nil {
		r.Sealed = append([]byte{}, b...)
	}
	if b := d.bytes(colSaid, i); b != nil {
		r.Said = append([]byte{}, b...)
	}
	var err error
	r.Cells, err = d.cells(i)
	return r, err
}

// cells puts the leaves of a row together again.
func (d *decoder) cells(i int) ([]byte, error) {
	var cells []byte
	clear(d.hidden)
	if rest := d.bytes(colRest, i); rest != nil {
		known := true
		ok := eachRest(rest, func(key, value []byte) bool {
			k := d.key(key)
			if known = k.ok; known {
				cells = AppendCell(cells, k.id, value)
				if k.col >= 0 {
					d.hidden[k.col] = true
				}
			}
			return known
		})
		if !known {
			return nil, errUnknownPath
		}
		if !ok {
			return nil, errors.New("the rest of a row is not what was written")
		}
	}
	for c := range d.p.cols {
		if d.hidden[c] || !d.here(colShred+c, i) {
			continue
		}
		if d.cols[c] < 0 {
			return nil, errUnknownPath
		}
		d.buf = d.value(d.buf[:0], c, i)
		cells = AppendCell(cells, uint32(d.cols[c]), d.buf)
	}
	return cells, nil
}

// key looks up a key of rest.
func (d *decoder) key(quoted []byte) keyed {
	k, ok := d.keys[string(quoted)]
	if !ok {
		path := unquote(nil, quoted)
		k.id, k.ok = d.ids.id(path)
		k.col = -1
		if c, ok := d.p.byPath[string(path)]; ok {
			k.col = c
		}
		d.keys[string(quoted)] = k
	}
	return k
}

// value appends the JSON text of a shredded value.
func (d *decoder) value(dst []byte, c, i int) []byte {
	col := colShred + c
	switch d.p.cols[c].Type {
	case typeNumber:
		return appendNumber(dst, get[int128](d, col, i), d.p.cols[c].Places)
	case typeBool:
		if get[bool](d, col, i) {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case typeJSON:
		return append(dst, d.bytes(col, i)...)
	}
	return appendQuoted(dst, d.bytes(col, i))
}
