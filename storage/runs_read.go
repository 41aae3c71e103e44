package storage

import (
	"encoding/binary"
	"sort"
	"strconv"
)

// runCached is an opened block in memory.
type runCached struct {
	run   *run
	piece uint32
	block runBlock
}

// open gives block i of the run, from memory where it was read before.
func (rs *runs) open(r *run, i uint32) (*runBlock, error) {
	slot := &rs.blocks[(r.number*0x9E3779B1+i*0x85EBCA6B)>>7&uint32(len(rs.blocks)-1)]
	if c := slot.Load(); c != nil && c.run == r && c.piece == i {
		return &c.block, nil
	}
	c, err := rs.fetch(r, i)
	if err == nil {
		slot.Store(c)
		return &c.block, nil
	}
	return nil, err
}

// fetch reads block i from the store.
func (rs *runs) fetch(r *run, i uint32) (*runCached, error) {
	data, err := rs.load(rs.key(runData, r.number, i))
	if err != nil {
		return nil, err
	}
	b, ok := openRun(data, rs.cols)
	if !ok || b.rows > rs.rows {
		return nil, rs.corrupt("block "+strconv.Itoa(int(i)), r)
	}
	return &runCached{r, i, b}, nil
}

// index gives the first keys of the run's blocks.
func (rs *runs) index(r *run) ([]uint64, error) {
	if p := r.firsts.Load(); p != nil {
		return *p, nil
	}
	var firsts []uint64
	for at := uint32(0); at < r.blocks; at += runIndexPiece {
		n := min(runIndexPiece, r.blocks-at)
		data, err := rs.load(rs.key(runIndex, r.number, at/runIndexPiece))
		if err != nil {
			return nil, err
		}
		if len(data) != 1+int(n)*8 || data[0] != runVersion {
			return nil, rs.corrupt("index", r)
		}
		for data = data[1:]; len(data) > 0; data = data[8:] {
			firsts = append(firsts, binary.BigEndian.Uint64(data))
		}
	}
	for i := 1; i < len(firsts); i++ {
		if firsts[i] < firsts[i-1] {
			return nil, rs.corrupt("index", r)
		}
	}
	r.firsts.Store(&firsts)
	return firsts, nil
}

// filterPieceOf loads one piece of the filter.
func (rs *runs) filterPieceOf(r *run, i int) error {
	data, err := rs.load(rs.key(runLines, r.number, uint32(i)))
	if err != nil {
		return err
	}
	lines, ok := openFilter(data, r.filter.size(i))
	if !ok {
		return rs.corrupt("filter "+strconv.Itoa(i), r)
	}
	r.filter.pieces[i] = lines
	return nil
}

// maybe asks the filter of a run. Only the line may call it.
func (rs *runs) maybe(r *run, key, hash uint64) (bool, error) {
	line := r.filter.line(key)
	piece := r.filter.pieces[line/filterPiece]
	if piece == nil {
		if err := rs.filterPieceOf(r, int(line/filterPiece)); err != nil {
			return false, err
		}
		piece = r.filter.pieces[line/filterPiece]
	}
	return piece[line%filterPiece].has(hash), nil
}

// find calls f with the rows of the run that have the key, from the newest to the oldest, until f says false.
func (rs *runs) find(r *run, key uint64, f func(row *runRow) bool) error {
	firsts, err := rs.index(r)
	if err != nil {
		return err
	}
	i := sort.Search(len(firsts), func(i int) bool { return firsts[i] > key }) - 1
	for ; i >= 0; i-- {
		b, err := rs.open(r, uint32(i))
		if err != nil {
			return err
		}
		if b.first != firsts[i] {
			return rs.corrupt("block "+strconv.Itoa(i), r)
		}
		from, to := b.equal(key)
		for j := to - 1; j >= from; j-- {
			row := runRow{key: key}
			if !b.row(j, rs.cols, &row) {
				return rs.corrupt("block "+strconv.Itoa(i), r)
			}
			if !f(&row) {
				return nil
			}
		}
		if from > 0 || key != b.first { // an earlier block cannot have the key
			return nil
		}
	}
	return nil
}

// runReader reads a whole run in order, past the cache.
type runReader struct {
	rs    *runs
	run   *run
	piece uint32
	scan  runScan
	rows  uint64
	last  uint64
}

func (s *runReader) next(r *runRow) (bool, error) {
	for {
		more, ok := s.scan.next(s.rs.cols, r)
		if !ok || more && r.key < s.last {
			return false, s.rs.corrupt("block "+strconv.Itoa(int(s.piece)-1), s.run)
		}
		if more {
			s.last = r.key
			s.rows++
			return true, nil
		}
		if s.piece == s.run.blocks {
			if s.rows != s.run.rows {
				return false, s.rs.corrupt("count of rows", s.run)
			}
			return false, nil
		}
		c, err := s.rs.fetch(s.run, s.piece)
		if err != nil {
			return false, err
		}
		s.piece++
		s.scan.reset(c.block)
	}
}

// reader reads a whole run in order.
func (rs *runs) reader(r *run) runSource {
	if rs.words {
		return &wordReader{rs: rs, run: r}
	}
	return &runReader{rs: rs, run: r}
}

// all merges the live runs, the frozen parts and the memory into one order.
func (rs *runs) all(memory runMemory) (*runMerge, error) {
	var src []runSource
	for _, r := range rs.view.runs {
		src = append(src, rs.reader(r))
	}
	for _, m := range append(rs.frozen[:len(rs.frozen):len(rs.frozen)], memory) {
		src = append(src, m.source())
	}
	return newMerge(rs, src, nil, true)
}

// Check reads every run: blocks, order, number of rows, index and filter agree. The first thing
// that does not is in the error.
func (rs *runs) Check() error {
	for _, r := range rs.view.runs {
		if err := rs.check(r); err != nil {
			return err
		}
	}
	return nil
}

func (rs *runs) check(kept *run) error {
	if rs.words {
		return rs.checkWords(kept)
	}
	r := &run{number: kept.number, blocks: kept.blocks, rows: kept.rows, lines: kept.lines}
	r.filter = newFilter(r.lines) // as it is stored, not as it is in memory
	firsts, err := rs.index(r)
	if err != nil {
		return err
	}
	if err := rs.checkEnds(r); err != nil {
		return err
	}
	in := &runReader{rs: rs, run: r}
	var row runRow
	var last uint64
	for n := uint64(0); ; n++ {
		more, err := in.next(&row)
		if err != nil || !more {
			return err
		}
		if in.scan.i == 1 && firsts[in.piece-1] != row.key || rs.single && n > 0 && row.key == last {
			return rs.corrupt("block "+strconv.Itoa(int(in.piece)-1), r)
		}
		last = row.key
		if rs.filter {
			ok, err := rs.maybe(r, row.key, filterHash(row.key))
			if err != nil {
				return err
			}
			if !ok {
				return rs.corrupt("filter "+strconv.FormatUint(r.filter.line(row.key)/filterPiece, 10), r)
			}
		}
	}
}

// checkEnds sees to it that the run's mark stands and that every piece of the filter can be read.
func (rs *runs) checkEnds(r *run) error {
	mark, err := rs.load(rs.key(runMark, r.number, 0))
	if err != nil {
		return err
	}
	if len(mark) != 1 || mark[0] != runVersion {
		return rs.corrupt("mark", r)
	}
	for i := range r.filter.pieces {
		if err := rs.filterPieceOf(r, i); err != nil {
			return err
		}
	}
	return nil
}
