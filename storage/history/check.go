package history

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"

	m "github.com/duckdb/duckdb-go/v2/mapping"
	"github.com/kithdb/kith"
)

// Check reads everything and gives what is wrong, part by part: files that are
// missing or damaged, rows that are not where or what the manifest, the counts
// and the watermark say. Every error is ErrCorrupt but for one that ends it early.
// Appends wait while the live part is read.
func (h *History) Check(ctx context.Context) iter.Seq[error] {
	return func(yield func(error) bool) {
		if err := h.usable("Check"); err != nil {
			yield(err)
			return
		}
		h.use.RLock()
		defer h.use.RUnlock()
		more := true
		tell := func(on string, err error) {
			if more && err != nil {
				kind := kith.ErrCorrupt
				if ctx.Err() != nil {
					kind = nil
				}
				more = yield(fail("Check", on, kind, err))
			}
		}
		var next uint64
		for i := 0; more && ctx.Err() == nil; i++ {
			parts := h.snapshot()
			if i >= len(parts) {
				break
			}
			if parts[i].First != next {
				tell("part "+parts[i].file(), fmt.Errorf("begins with ordinal %d, not %d", parts[i].First, next))
			}
			next = h.checkPart(ctx, i, tell)
		}
		tell("", ctx.Err())
	}
}

// checkPart checks one part and gives the ordinal behind it.
func (h *History) checkPart(ctx context.Context, i int, tell func(string, error)) uint64 {
	h.mu.Lock() // the live part must not change under it; a sealed one is quick to note
	parts := h.snapshot()
	p := &parts[min(i, len(parts)-1)]
	if p.Sealed {
		h.mu.Unlock()
	} else {
		defer h.mu.Unlock()
	}
	on := "part " + p.file()
	c, err := h.borrow()
	if err != nil {
		tell(on, err)
		return p.First + p.Rows
	}
	defer h.give(c)
	if h.o.Dir != "" {
		damaged, err := checkBlocks(ctx, h.path(p.Part))
		if err == nil && len(damaged) > 0 {
			err = used(c, p, damaged)
		}
		if err != nil {
			tell(on, err)
			return p.First + p.Rows
		}
	}
	if err := h.checkRows(ctx, c, p); err != nil {
		tell(on, err)
	}
	if err := checkCounts(c, p); err != nil {
		tell(on, err)
	}
	return p.First + p.Rows
}

// checkRows reads every value of a part, and looks at the order of its rows.
func (h *History) checkRows(ctx context.Context, c *conn, p *part) error {
	var row, last uint64
	var bad error
	for at := uint64(0); at <= p.Rows; at += 1 << 20 {
		if err := ctx.Err(); err != nil {
			return err
		}
		q := fmt.Sprintf("SELECT rowid::UBIGINT, seq FROM %s.events WHERE rowid >= %d AND rowid < %d", p.alias(), at, at+1<<20)
		err := c.rows(q, func(ch m.DataChunk, n int) bool {
			ids, seqs := column[uint64](ch, 0, n), column[uint64](ch, 1, n)
			for i := range n {
				if ids[i] != row {
					bad = fmt.Errorf("row %d stands at place %d", row, ids[i])
				} else if seqs[i] <= last {
					bad = fmt.Errorf("seq does not ascend at row %d", row)
				}
				row, last = row+1, seqs[i]
			}
			return bad == nil
		})
		if err = errors.Join(err, bad); err != nil {
			return err
		}
	}
	mark, err := c.ints("SELECT watermark::BIGINT, (SELECT bit_xor(hash(" + p.columnList() + ")) IS NULL FROM " + p.alias() + ".events)::BIGINT FROM " + p.alias() + ".state")
	switch {
	case err != nil:
		return err
	case row != p.Rows:
		return fmt.Errorf("%d rows, not %d", row, p.Rows)
	case last > uint64(mark[0]) || p.Sealed && p.Last != uint64(mark[0]):
		return fmt.Errorf("the watermark is %d, the last row %d", mark[0], last)
	}
	return nil
}

// checkCounts compares the counts of a part with its columns.
func checkCounts(c *conn, p *part) error {
	sum := p.sum
	var rows uint64
	for _, e := range p.stats.events {
		rows += e.rows
	}
	if rows != p.Rows {
		return fmt.Errorf("the counts are of %d rows, not of %d", rows, p.Rows)
	}
	if len(p.cols) == 0 {
		return nil
	}
	var q strings.Builder
	for i := range p.cols {
		if i > 0 {
			q.WriteString(", ")
		}
		q.WriteString("count(c" + strconv.Itoa(i) + ")")
	}
	n, err := c.ints("SELECT " + q.String() + " FROM " + p.alias() + ".events")
	if err != nil {
		return err
	}
	for i, col := range p.cols {
		var counted uint64
		if s := sum[col.Path]; s != nil {
			counted = s.of(col.Type)
		}
		if uint64(n[i]) > counted { // less where an event has a path twice
			return fmt.Errorf("column %d has %d values, %d were counted", i, n[i], counted)
		}
	}
	return nil
}

// The layout of a DuckDB file: three headers, then blocks that begin with their
// checksum.
const (
	fileHeader = 3 * 4096
	blockSize  = 1 << 18
)

// used tells whether something stands in one of the damaged blocks. A power cut
// may leave blocks half written that no commit ever named: they are free, and
// harm nobody.
func used(c *conn, p *part, damaged []int64) error {
	var q strings.Builder
	for _, table := range []string{"events", "state", "stats"} {
		info := "pragma_storage_info(" + quote(p.alias()+".main."+table) + ")"
		q.WriteString("SELECT block_id::BIGINT AS b FROM " + info + " WHERE block_id IS NOT NULL UNION SELECT unnest(additional_block_ids)::BIGINT FROM " + info + " UNION ")
	}
	q.WriteString("SELECT block_id::BIGINT FROM pragma_metadata_info(" + quote(p.alias()) + ")")
	blocks, taken := map[int64]bool{}, error(nil)
	err := c.rows(q.String(), func(ch m.DataChunk, n int) bool {
		for _, b := range column[int64](ch, 0, n) {
			blocks[b] = true
		}
		return true
	})
	for _, b := range damaged {
		if err != nil || blocks[b] {
			taken = fmt.Errorf("block %d is damaged", b)
		}
	}
	return taken
}

// checkBlocks reads a part's file, verifies the checksum of every block, and
// gives those that do not fit. It reads the bytes of the disk, not what DuckDB
// holds in memory.
func checkBlocks(ctx context.Context, path string) (damaged []int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.New("the file cannot be opened")
	}
	defer f.Close()
	head := make([]byte, fileHeader)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, errors.New("the file has no header")
	}
	for i := 0; i < fileHeader; i += 4096 {
		if binary.LittleEndian.Uint64(head[i:]) != checksum(head[i+8:i+4096]) {
			return nil, fmt.Errorf("header %d is damaged", i/4096)
		}
	}
	block := make([]byte, blockSize)
	for n := int64(0); ; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		_, err := io.ReadFull(f, block)
		if err == io.EOF {
			return damaged, nil
		}
		if err != nil { // cut off
			return append(damaged, n), nil
		}
		if sum := binary.LittleEndian.Uint64(block); sum != checksum(block[8:]) && !empty(block) {
			damaged = append(damaged, n)
		}
	}
}

// checksum is DuckDB's.
func checksum(b []byte) uint64 {
	sum := uint64(5381)
	for ; len(b) >= 8; b = b[8:] {
		sum ^= binary.LittleEndian.Uint64(b) * 0xbf58476d1ce4e5b9
	}
	return sum
}

// empty reports whether a block was never written.
func empty(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
