package engine

import (
	"strings"
	"testing"
)

// What DuckDB spills is encrypted: a statement opens what is sealed.
func TestSpilledRowsAreEncrypted(t *testing.T) {
	e := open(t, t.TempDir())
	if got := queried(t, e, "SELECT value FROM duckdb_settings() WHERE name = 'temp_file_encryption'"); got != "true\n" {
		t.Errorf("temp_file_encryption is %q, want true", got)
	}
}

// A statement that needs more memory than there is spills, and ends well.
func TestSpillingWorks(t *testing.T) {
	e, err := Open(t.TempDir(), &Options{Memory: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close() // nothing was written
	q := "SELECT count(*), max(n) FROM (SELECT row_number() OVER (ORDER BY md5(i::VARCHAR)) n FROM range(2000000) r(i))"
	if got := queried(t, e, q); got != "2000000|2000000\n" {
		t.Errorf("%q", got)
	}
}

// No table has a column that DuckDB takes for a word of its own: each is named
// without quotes.
func TestColumnsNeedNoQuotes(t *testing.T) {
	e := open(t, t.TempDir())
	if _, err := e.Load(t.Context(), strings.NewReader(shop), nil); err != nil {
		t.Fatal(err)
	}
	for _, table := range strings.Fields("events profiles identifiers decisions merges rejects loads sources columns segments members changes") {
		columns := strings.Fields(queried(t, e, "SELECT column_name FROM (DESCRIBE "+table+")"))
		if len(columns) < 2 {
			t.Errorf("%s has the columns %v", table, columns)
		}
		queried(t, e, "SELECT "+strings.Join(columns, ", ")+" FROM "+table)
	}
}
