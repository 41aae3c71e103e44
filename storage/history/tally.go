package history

import (
	"cmp"
	"fmt"
	"slices"

	m "github.com/duckdb/duckdb-go/v2/mapping"
)

// counts says how often a path stood in the rows of one event, by type.
type counts struct {
	Strings, Numbers, Bools, JSONs, Nulls uint64
	Unfit                                 uint64    // of the numbers, those that DECIMAL(38,9) cannot hold
	Zeros                                 [3]uint64 // of the numbers, those written with 0, 1, 2 digits after the point of which the last is 0; Zeros[0] is unused
}

const statColumns = "rows UBIGINT, strings UBIGINT, numbers UBIGINT, bools UBIGINT, jsons UBIGINT, nulls UBIGINT, unfit UBIGINT, zeros1 UBIGINT, zeros2 UBIGINT"

func (c *counts) rows() uint64 { return c.Strings + c.Numbers + c.Bools + c.JSONs + c.Nulls }

func (c *counts) add(o *counts) {
	c.Strings += o.Strings
	c.Numbers += o.Numbers
	c.Bools += o.Bools
	c.JSONs += o.JSONs
	c.Nulls += o.Nulls
	c.Unfit += o.Unfit
	for i := range c.Zeros {
		c.Zeros[i] += o.Zeros[i]
	}
}

// best gives the type that most of the values have; typeNothing: there is none.
func (c *counts) best() byte {
	t, n := byte(typeNothing), uint64(0)
	for _, o := range []struct {
		t byte
		n uint64
	}{{typeString, c.Strings}, {typeNumber, c.Numbers}, {typeBool, c.Bools}, {typeJSON, c.JSONs}} {
		if o.n > n {
			t, n = o.t, o.n
		}
	}
	return t
}

// places gives how many digits after the point the numbers are written with at
// least, as far as that saves keeping their spelling.
func (c *counts) places() uint8 {
	for _, k := range []uint8{2, 1} {
		if c.Zeros[k]*20 > c.Numbers {
			return k
		}
	}
	return 0
}

// event is the pair of kind and name that rows are counted by.
type event struct {
	kind uint8
	name string
}

// maxEvents bounds how many events are counted one by one; the names of the
// others are counted together under the empty name.
const maxEvents = 4096

// tally counts the rows of a part and the paths in them, by event.
type tally struct {
	events map[event]*eventTally
	stored int // rows of the table stats that hold it
}

type eventTally struct {
	rows  uint64
	paths map[string]*counts
}

func newTally() *tally { return &tally{events: map[event]*eventTally{}} }

func (t *tally) event(e event) *eventTally {
	et := t.events[e]
	if et == nil {
		et = &eventTally{paths: map[string]*counts{}}
		t.events[e] = et
	}
	return et
}

func (e *eventTally) path(path string) *counts {
	c := e.paths[path]
	if c == nil {
		c = &counts{}
		e.paths[path] = c
	}
	return c
}

// add adds another tally.
func (t *tally) add(o *tally) {
	for e, et := range o.events {
		mine := t.event(e)
		mine.rows += et.rows
		for p, c := range et.paths {
			mine.path(p).add(c)
		}
	}
}

// sub takes another tally away, which was added before.
func (t *tally) sub(o *tally) {
	for e, et := range o.events {
		mine := t.events[e]
		if mine == nil { // counted together with others
			e = event{}
			mine = t.event(e)
		}
		mine.rows -= et.rows
		for p, c := range et.paths {
			was := mine.path(p)
			was.sub(c)
			if was.rows() == 0 {
				delete(mine.paths, p)
			}
		}
		if mine.rows == 0 {
			delete(t.events, e)
		}
	}
}

func (c *counts) sub(o *counts) {
	c.Strings -= o.Strings
	c.Numbers -= o.Numbers
	c.Bools -= o.Bools
	c.JSONs -= o.JSONs
	c.Nulls -= o.Nulls
	c.Unfit -= o.Unfit
	for i := range c.Zeros {
		c.Zeros[i] -= o.Zeros[i]
	}
}

// rows gives how many rows were counted.
func (t *tally) rows() (n uint64) {
	for _, e := range t.events {
		n += e.rows
	}
	return n
}

// sum gives the counts of every path over all events.
func (t *tally) sum() map[string]*counts {
	all := map[string]*counts{}
	for _, e := range t.events {
		for p, c := range e.paths {
			if all[p] == nil {
				all[p] = &counts{}
			}
			all[p].add(c)
		}
	}
	return all
}

// read adds what the table stats of an attached part says.
func (t *tally) read(c *conn, p Part) error {
	return c.rows("SELECT kind, name, path, "+statColumnsSum+", count(*)::UBIGINT FROM "+p.alias()+".stats GROUP BY ALL", func(ch m.DataChunk, n int) bool {
		kinds, names, paths := column[uint8](ch, 0, n), column[text](ch, 1, n), column[text](ch, 2, n)
		var num [10][]uint64
		for i := range num {
			num[i] = column[uint64](ch, 3+i, n)
		}
		for i := range n {
			et := t.event(event{kinds[i], string(names[i].bytes())})
			t.stored += int(num[9][i])
			if paths[i].n == 0 {
				et.rows += num[0][i]
				continue
			}
			et.path(string(paths[i].bytes())).add(&counts{num[1][i], num[2][i], num[3][i], num[4][i], num[5][i], num[6][i], [3]uint64{0, num[7][i], num[8][i]}})
		}
		return true
	})
}

const statColumnsSum = "sum(rows)::UBIGINT, sum(strings)::UBIGINT, sum(numbers)::UBIGINT, sum(bools)::UBIGINT, sum(jsons)::UBIGINT, sum(nulls)::UBIGINT, sum(unfit)::UBIGINT, sum(zeros1)::UBIGINT, sum(zeros2)::UBIGINT"

// compact makes the table stats of the live part as short as it can be.
func (t *tally) compact(c *conn, p Part) error {
	a := p.alias()
	err := c.exec(fmt.Sprintf("BEGIN; CREATE TEMP TABLE kith_stats AS SELECT kind, name, path, %s FROM %s.stats GROUP BY ALL", statColumnsSum, a))
	if err == nil {
		err = c.exec(fmt.Sprintf("DELETE FROM %s.stats; INSERT INTO %s.stats SELECT * FROM kith_stats; DROP TABLE kith_stats; COMMIT", a, a))
	}
	if err != nil {
		c.exec("ROLLBACK") // the first error is the one that counts
		return err
	}
	t.stored = 0
	for _, e := range t.events {
		t.stored += 1 + len(e.paths)
	}
	return nil
}

// maxColumns bounds the shredded columns of a part.
const maxColumns = 256

// layout chooses the shredded columns of the next part: the paths that stand in
// at least 1 % of the rows of one of their events, the most frequent first.
func (t *tally) layout() []shred {
	all := t.sum()
	often := map[string]bool{}
	for _, e := range t.events {
		for path, c := range e.paths {
			if c.rows()*100 >= e.rows {
				often[path] = true
			}
		}
	}
	var cols []shred
	for path := range often {
		if c := all[path]; c.best() != typeNothing {
			cols = append(cols, shred{Path: path, Type: c.best(), Places: c.places()})
		}
	}
	slices.SortFunc(cols, func(a, b shred) int {
		return cmp.Or(cmp.Compare(all[b.Path].rows(), all[a.Path].rows()), cmp.Compare(a.Path, b.Path))
	})
	return cols[:min(len(cols), maxColumns)]
}
