package storage

// midEntry is one message id in memory. The key is the id, spread; at is seq << 1 | 1, so that
// 0 is an empty place and 1 a tombstone.
type midEntry struct{ key, payload, at uint64 }

// midTable keeps entries in 256 shards by the first byte of the key. In a shard they stand in
// order of key, none before its home and with no gap behind its home (ordered linear probing):
// a walk over the places is the sorted run, and growing is such a walk over one shard.
type midTable struct {
	shards [256]midShard
	count  int
	homes  uint // a shard starts with 1 << homes
}

// newMidTable makes room for about as many entries as the last table had, so that it need not grow.
func newMidTable(last *midTable) *midTable {
	t := &midTable{homes: midFirst}
	for last != nil && last.count/len(t.shards) > 3<<t.homes/4 {
		t.homes++
	}
	return t
}

type midShard struct {
	places []midEntry
	count  int
	shift  uint // home = key << 8 >> shift
}

const (
	midFirst = 6  // 1 << 6 homes, where nothing is known of the size
	midSlack = 16 // places behind the last home
)

func (t *midTable) shard(key uint64) *midShard { return &t.shards[key>>56] }

// place gives where the key stands, or where it would.
func (s *midShard) place(key uint64) (i int, ok bool) {
	if s.places == nil {
		return 0, false
	}
	for i = int(key << 8 >> s.shift); i < len(s.places); i++ {
		e := &s.places[i]
		if e.at == 0 || e.key >= key {
			return i, e.at != 0 && e.key == key
		}
	}
	return i, false
}

// get gives the entry of a key; at is 0 when there is none.
func (t *midTable) get(key uint64) midEntry {
	s := t.shard(key)
	if i, ok := s.place(key); ok {
		return s.places[i]
	}
	return midEntry{}
}

// set puts an entry and gives what stood there before.
func (t *midTable) set(e midEntry) (old midEntry) {
	s := t.shard(e.key)
	i, ok := s.place(e.key)
	if ok {
		old, s.places[i] = s.places[i], e
		return old
	}
	if s.places == nil || s.count*4 >= (len(s.places)-midSlack)*3 {
		s.grow(t.homes)
		i, _ = s.place(e.key)
	}
	t.count++
	s.insert(i, e)
	return old
}

// insert moves the entries from i up to the next gap by one.
func (s *midShard) insert(i int, e midEntry) {
	j := i
	for j < len(s.places) && s.places[j].at != 0 {
		j++
	}
	if j == len(s.places) {
		s.places = append(s.places, make([]midEntry, midSlack)...)
	}
	copy(s.places[i+1:j+1], s.places[i:j])
	s.places[i] = e
	s.count++
}

// remove takes an entry out and closes the gap.
func (t *midTable) remove(key uint64) {
	s := t.shard(key)
	i, ok := s.place(key)
	if !ok {
		return
	}
	for ; i+1 < len(s.places); i++ {
		e := s.places[i+1]
		if e.at == 0 || int(e.key<<8>>s.shift) == i+1 {
			break
		}
		s.places[i] = e
	}
	s.places[i] = midEntry{}
	s.count--
	t.count--
}

// grow doubles the homes, or makes the first.
func (s *midShard) grow(homes uint) {
	if s.places == nil {
		s.shift = 64 - homes
		s.places = make([]midEntry, 1<<homes+midSlack)
		return
	}
	old := s.places
	s.shift--
	s.places = make([]midEntry, 1<<(64-s.shift)+midSlack)
	next := 0
	for _, e := range old {
		if e.at == 0 {
			continue
		}
		next = max(next, int(e.key<<8>>s.shift))
		for next >= len(s.places) {
			s.places = append(s.places, make([]midEntry, midSlack)...)
		}
		s.places[next] = e
		next++
	}
}

func (t *midTable) len() int { return t.count }

func (t *midTable) source() runSource { return &midSource{t: t} }

// midSource walks a table in order.
type midSource struct {
	t     *midTable
	shard int
	i     int
}

func (s *midSource) next(r *runRow) (bool, error) {
	for ; s.shard < len(s.t.shards); s.shard, s.i = s.shard+1, 0 {
		places := s.t.shards[s.shard].places
		for s.i < len(places) {
			e := &places[s.i]
			s.i++
			if e.at != 0 {
				*r = runRow{e.key, [runCols]uint64{e.payload, e.at >> 1}}
				return true, nil
			}
		}
	}
	return false, nil
}
