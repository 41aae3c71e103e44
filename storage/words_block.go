package storage

import (
	"encoding/binary"
	"slices"
	"strconv"
)

// A block of words is a list: the first key u64 be, then for each key its
// distance from the one before, the number of its fragments, the length of what
// follows, and the fragments, each its distance from the one before. All but the
// first key are uvarints. Many people have a name: to them it is a byte or two each.
const wordHead = 1 + 8 // version, first key

// encodeWords writes rows that ascend by key and fragment as one block.
func encodeWords(rows []runRow) []byte {
	out := make([]byte, 1, wordHead+len(rows)*6)
	out[0] = runVersion
	out = binary.BigEndian.AppendUint64(out, rows[0].key)
	var list []byte
	last := rows[0].key
	for i := 0; i < len(rows); {
		key, before := rows[i].key, uint64(0)
		list = list[:0]
		from := i
		for ; i < len(rows) && rows[i].key == key; i++ {
			list = binary.AppendUvarint(list, rows[i].cols[0]-before)
			before = rows[i].cols[0]
		}
		out = binary.AppendUvarint(out, key-last)
		out = binary.AppendUvarint(out, uint64(i-from))
		out = binary.AppendUvarint(out, uint64(len(list)))
		out = append(out, list...)
		last = key
	}
	return out
}

// wordScan reads a block key by key.
type wordScan struct {
	rest  []byte
	key   uint64
	count int
	list  []byte // the fragments of the key
}

// openWords begins to read a block.
func openWords(data []byte) (wordScan, bool) {
	if len(data) < wordHead || data[0] != runVersion {
		return wordScan{}, false
	}
	return wordScan{rest: data[wordHead:], key: binary.BigEndian.Uint64(data[1:])}, true
}

// next goes on to the next key; ok is false for bytes that encodeWords does not make.
func (s *wordScan) next() (more, ok bool) {
	if len(s.rest) == 0 {
		return false, true
	}
	far, n := binary.Uvarint(s.rest)
	if n <= 0 {
		return false, false
	}
	p := s.rest[n:]
	var count, size uint64
	if len(p) >= 2 && p[0] < 0x80 && p[1] < 0x80 { // nearly always
		count, size, p = uint64(p[0]), uint64(p[1]), p[2:]
	} else {
		var n1, n2 int
		if count, n1 = binary.Uvarint(p); n1 <= 0 {
			return false, false
		}
		if size, n2 = binary.Uvarint(p[n1:]); n2 <= 0 {
			return false, false
		}
		p = p[n1+n2:]
	}
	s.key += far
	if s.key < far || count == 0 || count > size || size > uint64(len(p)) {
		return false, false
	}
	s.count, s.list, s.rest = int(count), p[:size], p[size:]
	return true, true
}

// fragments appends the fragments of the key; ok as that of next.
func (s *wordScan) fragments(dst []uint32) (out []uint32, ok bool) {
	from := len(dst)
	dst = slices.Grow(dst, s.count)[:from+s.count]
	p, at, i := s.list, uint64(0), 0
	for k := range s.count {
		if i+1 >= len(p) || p[i]&p[i+1] >= 0x80 { // the last ones, and far ones
			v, n := binary.Uvarint(p[i:])
			if n <= 0 {
				return dst, false
			}
			at += v
			i += n
		} else if b := uint64(p[i]); b < 0x80 {
			at += b
			i++
		} else {
			at += b&0x7f | uint64(p[i+1])<<7
			i += 2
		}
		if at > 1<<32-1 {
			return dst, false
		}
		dst[from+k] = uint32(at)
	}
	return dst, i == len(p)
}

// wordReader reads a whole run in order.
type wordReader struct {
	rs    *runs
	run   *run
	piece uint32
	scan  wordScan
	list  []uint32
	at    int
	rows  uint64
	last  runRow
	fresh bool // the row given last was the first of its block
}

func (s *wordReader) next(r *runRow) (bool, error) {
	s.fresh = false
	for s.at == len(s.list) {
		more, ok := s.scan.next()
		if ok && more {
			s.list, ok = s.scan.fragments(s.list[:0])
			s.at = 0
		}
		if !ok {
			return false, s.damaged()
		}
		if more {
			continue
		}
		if s.piece == s.run.blocks {
			if s.rows != s.run.rows {
				return false, s.rs.corrupt("count of rows", s.run)
			}
			return false, nil
		}
		data, err := s.rs.load(s.rs.key(runData, s.run.number, s.piece))
		if err != nil {
			return false, err
		}
		s.piece++
		if s.scan, ok = openWords(data); !ok {
			return false, s.damaged()
		}
		s.fresh = true
	}
	*r = runRow{key: s.scan.key}
	r.cols[0] = uint64(s.list[s.at])
	s.at++
	if s.rows > 0 && (r.key < s.last.key || r.key == s.last.key && r.cols[0] <= s.last.cols[0]) {
		return false, s.damaged()
	}
	s.last = *r
	s.rows++
	return true, nil
}

func (s *wordReader) damaged() error {
	return s.rs.corrupt("block "+strconv.Itoa(int(s.piece)-1), s.run)
}

// The filter of a run of words knows how its keys begin: the bits of their first
// four, five and six letters. One line is for so many rows; of these most begin alike.
const wordFilterRows = 256

var wordFilterBits = [...]int{32, 36, 40}

// beginning gives what the filter keeps of so many bits of a key.
func beginning(key uint64, bits int) uint64 {
	return (key>>(64-bits) | uint64(bits)<<56) * midSpread
}

// longer tells whether a key tells of the letter whose last bit is the one before bits.
func longer(key uint64, bits int) bool {
	return key>>(64-bits)&15 != 0 || key>>(64-bits)&255 != 0 && bits == 32
}

// markWords enters rows that ascend in the filter; last is the key of the row before them.
func markWords(f *runFilter, rows []runRow, last uint64) uint64 {
	for i := range rows {
		key := rows[i].key
		if key == last {
			continue
		}
		for _, n := range wordFilterBits {
			if key>>(64-n) == last>>(64-n) || !longer(key, n) {
				continue
			}
			h := beginning(key, n)
			at := f.line(h)
			if f.pieces[at/filterPiece] == nil {
				f.pieces[at/filterPiece] = make([]filterLine, f.size(int(at/filterPiece)))
			}
			f.pieces[at/filterPiece][at%filterPiece].add(filterHash(h))
		}
		last = key
	}
	return last
}

// begins tells whether a run may have a key that begins as so many bits of this one.
func (rs *runs) begins(r *run, key uint64, bits int) (bool, error) {
	for i := len(wordFilterBits) - 1; i >= 0; i-- {
		if n := wordFilterBits[i]; n <= bits {
			h := beginning(key, n)
			return rs.maybe(r, h, filterHash(h))
		}
	}
	return true, nil
}

// checkWords reads a run of words: order, number of rows, index and filter agree.
func (rs *runs) checkWords(kept *run) error {
	r := &run{number: kept.number, blocks: kept.blocks, rows: kept.rows, lines: kept.lines}
	r.filter = newFilter(r.lines) // as it is stored, not as it is in memory
	firsts, err := rs.index(r)
	if err != nil {
		return err
	}
	if err := rs.checkEnds(r); err != nil {
		return err
	}
	in := &wordReader{rs: rs, run: r}
	var row runRow
	for {
		more, err := in.next(&row)
		if err != nil || !more {
			return err
		}
		if in.fresh && firsts[in.piece-1] != row.key {
			return in.damaged()
		}
		for _, n := range wordFilterBits {
			if !longer(row.key, n) {
				break
			}
			if ok, err := rs.begins(r, row.key, n); err != nil || !ok {
				if err == nil {
					err = rs.corrupt("filter", r)
				}
				return err
			}
		}
	}
}
