package storage

import "encoding/binary"

const runIndexPiece = 1 << 16 // blocks in one index value: 512 KB

// runWriter puts rows that come in order into blocks, an index and a filter.
type runWriter struct {
	rs     *runs
	run    *run
	rows   []runRow
	firsts []uint64
	piece  int    // the filter piece that is being filled
	bytes  int    // put since the last look
	begun  uint64 // the last key that is in the filter, of words
}

// begin starts a run from the sources, oldest first. Tombstones go when nothing older is left to hide.
func (rs *runs) begin(w kv, src []runSource, rows uint64, bottom bool) (*runMerge, error) {
	for ; ; rs.number++ { // a crash may have left runs with the numbers that the state would give again
		mark, err := w.Get(rs.key(runMark, rs.number, 0))
		if err != nil {
			return nil, err
		}
		if mark == nil {
			break
		}
	}
	r := &run{number: rs.number, lines: rs.lines(rows)}
	rs.number++
	r.filter = newFilter(r.lines)
	out := &runWriter{rs: rs, run: r, rows: make([]runRow, 0, rs.rows)}
	if err := w.Put(rs.key(runMark, r.number, 0), []byte{runVersion}); err != nil {
		return nil, err
	}
	return newMerge(rs, src, out, bottom)
}

// add takes the next row.
func (o *runWriter) add(w kv, r *runRow) error {
	o.rows = append(o.rows, *r)
	if len(o.rows) < o.rs.rows {
		return nil
	}
	return o.seal(w)
}

// seal writes the rows so far as a block.
func (o *runWriter) seal(w kv) error {
	if len(o.rows) == 0 {
		return nil
	}
	if o.rs.filter {
		if err := o.mark(w); err != nil {
			return err
		}
	}
	var data []byte
	if o.rs.words {
		o.begun = markWords(&o.run.filter, o.rows, o.begun)
		data = encodeWords(o.rows)
	} else {
		data = encodeRun(o.rows, o.rs.cols)
	}
	o.firsts = append(o.firsts, o.rows[0].key)
	o.run.rows += uint64(len(o.rows))
	o.rows = o.rows[:0]
	key := o.rs.key(runData, o.run.number, o.run.blocks)
	o.run.blocks++
	return o.put(w, key, data)
}

// mark enters the rows in the filter and writes the pieces that later keys cannot reach.
func (o *runWriter) mark(w kv) error {
	f := &o.run.filter
	for i := range o.rows {
		key := o.rows[i].key
		line := f.line(key)
		at := int(line / filterPiece)
		for o.piece < at {
			if err := o.pass(w); err != nil {
				return err
			}
		}
		if f.pieces[at] == nil {
			f.pieces[at] = make([]filterLine, f.size(at))
		}
		f.pieces[at][line%filterPiece].add(filterHash(key))
	}
	return nil
}

// pass writes the piece that is being filled and goes on to the next.
func (o *runWriter) pass(w kv) error {
	f, i := &o.run.filter, o.piece
	if f.pieces[i] == nil {
		f.pieces[i] = make([]filterLine, f.size(i))
	}
	o.piece++
	return o.put(w, o.rs.key(runLines, o.run.number, uint32(i)), encodeFilter(f.pieces[i]))
}

// close writes what is left and gives the run; nil when there is more left than the budget.
func (o *runWriter) close(w kv, budget int) (*run, error) {
	if err := o.seal(w); err != nil {
		return nil, err
	}
	if o.run.rows == 0 {
		return o.run, w.Delete(o.rs.key(runMark, o.run.number, 0))
	}
	for o.piece < len(o.run.filter.pieces) {
		if o.bytes >= budget {
			return nil, nil
		}
		if err := o.pass(w); err != nil {
			return nil, err
		}
	}
	for i := 0; i < len(o.firsts); i += runIndexPiece {
		part := o.firsts[i:min(i+runIndexPiece, len(o.firsts))]
		data := make([]byte, 1, 1+len(part)*8)
		data[0] = runVersion
		for _, first := range part {
			data = binary.BigEndian.AppendUint64(data, first)
		}
		if err := o.put(w, o.rs.key(runIndex, o.run.number, uint32(i/runIndexPiece)), data); err != nil {
			return nil, err
		}
	}
	o.run.firsts.Store(&o.firsts)
	return o.run, nil
}

func (o *runWriter) put(w kv, key, data []byte) error {
	o.bytes += len(data)
	return w.Put(key, data)
}

// runMerge brings sources into one order: by key, and of one key from the oldest source to the newest.
type runMerge struct {
	w      *runWriter
	src    []runSource // that have a head
	heads  []runRow    // the next row of each
	single bool
	bottom bool
	words  bool
	given  bool // row was given
	row    runRow
}

func newMerge(rs *runs, src []runSource, w *runWriter, bottom bool) (*runMerge, error) {
	m := &runMerge{w: w, single: rs.single, bottom: bottom, words: rs.words}
	for _, s := range src {
		var head runRow
		more, err := s.next(&head)
		if err != nil {
			return nil, err
		}
		if more {
			m.src, m.heads = append(m.src, s), append(m.heads, head)
		}
	}
	return m, nil
}

// next fills m.row with the next row that stands, and says whether there was one.
func (m *runMerge) next() (bool, error) {
	for len(m.src) > 0 {
		at := 0
		for i := 1; i < len(m.heads); i++ {
			if m.heads[i].key < m.heads[at].key || m.words && m.heads[i].key == m.heads[at].key && m.heads[i].cols[0] < m.heads[at].cols[0] {
				at = i
			}
		}
		again := m.words && m.given && m.row == m.heads[at]
		m.row, m.given = m.heads[at], true
		if err := m.pull(at); err != nil {
			return false, err
		}
		if again {
			continue
		}
		if !m.single {
			return true, nil
		}
		if err := m.newest(); err != nil {
			return false, err
		}
		if m.row.cols[1] != 0 || !m.bottom {
			return true, nil
		}
	}
	return false, nil
}

// newest replaces the row by newer ones of its key. Sources stand from old to new.
func (m *runMerge) newest() error {
	for i := 0; i < len(m.heads); {
		if m.heads[i].key != m.row.key {
			i++
			continue
		}
		m.row = m.heads[i]
		n := len(m.heads)
		if err := m.pull(i); err != nil {
			return err
		}
		if len(m.heads) == n {
			i++ // a source has a key once
		}
	}
	return nil
}

// pull brings the next row of a source to its head; a source that ends is taken out.
func (m *runMerge) pull(i int) error {
	more, err := m.src[i].next(&m.heads[i])
	if err == nil && !more {
		m.src = append(m.src[:i], m.src[i+1:]...)
		m.heads = append(m.heads[:i], m.heads[i+1:]...)
	}
	return err
}

// advance writes about budget bytes and gives the run when it is complete. After an error the
// merge is not to be used again.
func (m *runMerge) advance(w kv, budget int) (*run, error) {
	m.w.bytes = 0
	for m.w.bytes < budget {
		more, err := m.next()
		if err != nil {
			return nil, err
		}
		if !more {
			return m.w.close(w, budget)
		}
		if err := m.w.add(w, &m.row); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

const (
	mergeWide  = 4       // so many runs of like size become one
	mergeSmall = 1 << 18 // runs that are smaller together are merged at once: that costs next to nothing
	mergeMost  = 10      // more runs than this are never left alone
)

// choose starts the merge that pays most now, if there is one: of neighbours, the newest of like size.
func (rs *runs) choose(w kv) error {
	from, to := mergeWindow(rs.view.runs)
	if to-from < 2 {
		return nil
	}
	window := rs.view.runs[from:to]
	var src []runSource
	var rows uint64
	for _, r := range window {
		src = append(src, rs.reader(r))
		rows += r.rows
	}
	m, err := rs.begin(w, src, rows, from == 0)
	if err != nil {
		return err
	}
	rs.merge, rs.window = m, append([]*run(nil), window...)
	return nil
}

// mergeWindow picks the runs to be merged: the longest row of newest runs of which none is
// larger than all newer ones together, or, among small ones, than twice that; when there are too many runs, the cheapest neighbours.
// Loading 50 million rows in flushes of 0.5 to 2 million rewrites a row 1.8 to 2.8 times and
// leaves 3 to 8 runs.
func mergeWindow(list []*run) (from, to int) {
	n := len(list)
	if n < 2 {
		return 0, 0
	}
	from = n - 1
	sum := list[from].rows
	for from > 0 {
		if r := list[from-1].rows; r > sum && (r > 2*sum || r+sum > mergeSmall) {
			break
		}
		from--
		sum += list[from].rows
	}
	if n-from >= mergeWide || n-from >= 2 && sum <= mergeSmall {
		return from, n
	}
	if n <= mergeMost {
		return 0, 0
	}
	from = 0
	for i := 1; i+1 < n; i++ {
		if list[i].rows+list[i+1].rows < list[from].rows+list[from+1].rows {
			from = i
		}
	}
	return from, from + 2
}
