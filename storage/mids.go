package storage

const (
	midSpread = 0x9E3779B97F4A7C15 // odd, so that spreading loses nothing
	midGather = 0xF1DE83E19937733D // its inverse modulo 2^64
)

var nearSpec = runSpec{op: "storage.Nears", prefix: keyNears, cols: 2, rows: 2048, single: true, filter: true, cache: 64}

var midSpec = runSpec{op: "storage.Mids", prefix: keyMids, cols: 2, rows: 2048, single: true, filter: true, cache: 256}

// Mid is what is known of a message id: the fingerprint of the payload it came with first, and
// the number of the event. Seq 0 stands for an id that is not known.
type Mid struct{ Payload, Seq uint64 }

// Mids knows every message id there ever was, by 64-bit fingerprints. The newest are in
// memory, the others in sorted runs behind filters of 2 bytes an id that are read when they
// are first needed. It is derived: what was added after the last State is added again from the
// log. It belongs to the line and is not safe for concurrent use.
type Mids struct {
	*runs
	table *midTable
	undo  []midEntry // what the turn has overwritten, at = 0 for nothing
}

// OpenMids opens the index as the state names it; nil is a new one. load gives committed values.
func OpenMids(load func(key []byte) ([]byte, error), state []byte) (*Mids, error) {
	return openMids(midSpec, load, state)
}

// OpenNears opens an index of the same kind that finds near-duplicates: the id is a print of an
// event and its window of time, the payload its time.
func OpenNears(load func(key []byte) ([]byte, error), state []byte) (*Mids, error) {
	return openMids(nearSpec, load, state)
}

func openMids(spec runSpec, load func(key []byte) ([]byte, error), state []byte) (*Mids, error) {
	rs, err := openRuns(spec, load, state)
	if err != nil {
		return nil, err
	}
	return &Mids{runs: rs, table: newMidTable(nil)}, nil
}

// Begin starts a turn: what is added until Commit can be taken back.
func (m *Mids) Begin() { m.undo = m.undo[:0] }

// Commit keeps what the turn has added.
func (m *Mids) Commit() { m.undo = m.undo[:0] }

// Rollback takes back what was added since Begin.
func (m *Mids) Rollback() {
	for i := len(m.undo) - 1; i >= 0; i-- {
		if e := m.undo[i]; e.at == 0 {
			m.table.remove(e.key)
		} else {
			m.table.set(e)
		}
	}
	m.undo = m.undo[:0]
}

// Add says that the id came with this payload as event seq, which is not 0. It stands for
// whatever was known of the id before.
func (m *Mids) Add(id, payload, seq uint64) { m.set(midEntry{id * midSpread, payload, seq<<1 | 1}) }

// Remove makes the id unknown again.
func (m *Mids) Remove(id uint64) { m.set(midEntry{id * midSpread, 0, 1}) }

func (m *Mids) set(e midEntry) {
	old := m.table.set(e)
	old.key = e.key
	m.undo = append(m.undo, old)
}

// Recent looks for the id in what was added since the last Freeze, this turn included.
func (m *Mids) Recent(id uint64) (Mid, bool) {
	e := m.table.get(id * midSpread)
	return Mid{e.payload, e.at >> 1}, e.at > 1
}

// Find looks for the id.
func (m *Mids) Find(id uint64) (Mid, bool, error) {
	key := id * midSpread
	if e := m.memory(key); e.at != 0 {
		return Mid{e.payload, e.at >> 1}, e.at > 1, nil
	}
	mid, err := m.stored(key)
	return mid, mid.Seq != 0, err
}

// FindAll looks for many ids at once, which is quicker than one by one: found[i] tells of ids[i].
func (m *Mids) FindAll(ids []uint64, found []Mid) error {
	for i, id := range ids {
		e := m.table.get(id * midSpread)
		found[i] = Mid{e.payload, e.at}
	}
	for at := len(m.frozen) - 1; at >= 0; at-- {
		t := m.frozen[at].(*midTable)
		for i, id := range ids {
			if found[i].Seq == 0 {
				e := t.get(id * midSpread)
				found[i] = Mid{e.payload, e.at}
			}
		}
	}
	for at := len(m.view.runs) - 1; at >= 0; at-- {
		if err := m.findIn(m.view.runs[at], ids, found); err != nil {
			return err
		}
	}
	for i := range found {
		found[i].Seq >>= 1
	}
	return nil
}

// findIn looks in one run for the ids that are still open; Seq is seq << 1 | 1 of those that are not.
func (m *Mids) findIn(r *run, ids []uint64, found []Mid) error {
	for i, id := range ids {
		key := id * midSpread
		maybe, err := m.maybe(r, key, filterHash(key))
		if err != nil {
			return err
		}
		if !maybe || found[i].Seq != 0 {
			continue
		}
		err = m.find(r, key, func(row *runRow) bool {
			found[i] = Mid{row.cols[0], row.cols[1]<<1 | 1}
			return false
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// memory looks in the parts that are in memory, newest first.
func (m *Mids) memory(key uint64) midEntry {
	e := m.table.get(key)
	for i := len(m.frozen) - 1; i >= 0 && e.at == 0; i-- {
		e = m.frozen[i].(*midTable).get(key)
	}
	return e
}

// stored looks in the runs, newest first.
func (m *Mids) stored(key uint64) (mid Mid, err error) {
	hash := filterHash(key)
	for i := len(m.view.runs) - 1; i >= 0; i-- {
		r := m.view.runs[i]
		if maybe, err := m.maybe(r, key, hash); err != nil {
			return mid, err
		} else if !maybe {
			continue
		}
		hit := false
		err := m.find(r, key, func(row *runRow) bool {
			mid, hit = Mid{row.cols[0], row.cols[1]}, true
			return false
		})
		if err != nil || hit {
			return mid, err
		}
	}
	return mid, nil
}

// Freeze sets aside what is in memory, to be flushed; what follows goes into a new part. It says
// whether there is anything to flush. It is called between turns.
func (m *Mids) Freeze() bool {
	m.undo = m.undo[:0]
	if m.table.count > 0 {
		m.freeze(m.table)
		m.table = newMidTable(m.table)
	}
	return len(m.frozen) > 0
}

// Switched says that the record with the last State is durable.
func (m *Mids) Switched() { m.switched() }

// Len gives the number of entries in memory that are not frozen.
func (m *Mids) Len() int { return m.table.count }

// Each calls f with every known id, in the order of storage.
func (m *Mids) Each(f func(id, payload, seq uint64) error) error {
	all, err := m.all(m.table)
	if err != nil {
		return err
	}
	for {
		more, err := all.next()
		if err != nil || !more {
			return err
		}
		if err := f(all.row.key*midGather, all.row.cols[0], all.row.cols[1]); err != nil {
			return err
		}
	}
}
