package engine

import "testing"

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
