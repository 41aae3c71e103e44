package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/kithdb/kith/engine"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// packed gives the same lines plain, as gzip in two members, and as zstd.
func packed(t *testing.T, text []byte) map[string]string {
	t.Helper()
	dir := t.TempDir()
	var gz, zs bytes.Buffer
	for _, half := range [][]byte{text[:len(text)/2], text[len(text)/2:]} {
		w := gzip.NewWriter(&gz)
		w.Write(half)
		w.Close()
	}
	w, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(text)
	w.Close()
	out := map[string]string{}
	for name, data := range map[string][]byte{"plain": text, "gzip": gz.Bytes(), "zstd": zs.Bytes()} {
		out[name] = filepath.Join(dir, name) // the name says nothing, the first bytes do
		if err := os.WriteFile(out[name], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestPackedFilesAreTheSameEvents(t *testing.T) {
	text, err := os.ReadFile("testdata/shop.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	files := packed(t, text)
	dir := filepath.Join(t.TempDir(), "shop.kith")
	must(t, "load", dir, files["plain"])
	for _, name := range []string{"gzip", "zstd"} {
		r := typed(t, "", "load", dir, files[name])
		if !strings.Contains(r.err, "0 accepted, 6 duplicate, 2 rejected") {
			t.Errorf("%s: %s", name, r.err)
		}
	}
	if r := typed(t, string(text), "load", dir, "-"); !strings.Contains(r.err, "0 accepted, 6 duplicate, 2 rejected") {
		t.Errorf("standard input: %s", r.err)
	}
	cut, err := os.ReadFile(files["gzip"])
	if err != nil {
		t.Fatal(err)
	}
	if r := typed(t, string(cut[:len(cut)-9]), "load", dir, "-"); r.code != 3 {
		t.Errorf("a file that is cut off ends with %d, want 3: %s", r.code, r.err)
	}
}

func TestLoadBesideARunningService(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30), "shop.kith") // longer than a socket's path may be
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := typed(t, "", "load", dir, "testdata/shop.ndjson", "--strict", "--source", "web")
	if r.code != 10 || !strings.Contains(r.err, "5 accepted, 1 duplicate, 2 rejected") || !strings.Contains(r.err, "line 7  rejected  bad_json") {
		t.Errorf("load beside: exit %d: %s", r.code, r.err)
	}
	s, err := e.Stats(t.Context())
	if err != nil || s.Sources["web"].Accepted != 5 {
		t.Errorf("Sources = %+v, want 5 accepted of web (%v)", s.Sources, err)
	}
	must(t, "rules", "set", dir, "testdata/rules.json")
	if got := e.Rules().Version; got != 2 {
		t.Errorf("rules version = %d, want 2", got)
	}
	if r := typed(t, "", "check", dir, "--rebuild"); r.code != 7 {
		t.Errorf("check --rebuild beside a service ends with %d, want 7: %s", r.code, r.err)
	}
	if r := typed(t, "", "stats", dir, "--now", "2026-01-01"); r.code != 7 {
		t.Errorf("--now beside a service ends with %d, want 7: %s", r.code, r.err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func TestDeafOwnerIsNamed(t *testing.T) {
	defer func(old time.Duration) { patience = old }(patience)
	patience = 0
	dir := shop(t)
	e, err := engine.Open(dir, &engine.Options{NoSocket: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close() // nothing was written
	r := typed(t, "", "stats", dir)
	if r.code != 8 || !strings.Contains(r.err, "process "+strconv.Itoa(os.Getpid())) {
		t.Errorf("exit %d, want 8 and the process named: %s", r.code, r.err)
	}
}

func TestInterruptedLoadSaysHowToGoOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop.kith")
	text, err := os.ReadFile("testdata/shop.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in, out := io.Pipe() // it never ends
	defer out.Close()
	go func() {
		out.Write(text) // fails when nobody reads
		cancel()
	}()
	var errs bytes.Buffer
	code := run(ctx, []string{"load", dir, "-"}, in, io.Discard, &errs)
	if code != 130 || !strings.Contains(errs.String(), "goes on where this one stopped") || !strings.HasSuffix(errs.String(), "kith: interrupted\n") {
		t.Errorf("exit %d, want 130: %s", code, &errs)
	}
	must(t, "stats", dir)
}

func TestMasterKeyFromAFile(t *testing.T) {
	tmp := t.TempDir()
	dir, raw, text, other := filepath.Join(tmp, "shop.kith"), filepath.Join(tmp, "raw"), filepath.Join(tmp, "hex"), filepath.Join(tmp, "other")
	key := bytes.Repeat([]byte("k"), 32)
	for file, data := range map[string][]byte{raw: key, text: []byte(hex.EncodeToString(key) + "\n"), other: bytes.Repeat([]byte("x"), 32)} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "load", dir, "testdata/shop.ndjson", "--key-file", raw)
	if out := must(t, "--key-file", text, "stats", dir); !strings.Contains(out, "from outside") {
		t.Errorf("stats does not say where the key comes from:\n%s", out)
	}
	t.Setenv("KITH_KEY_FILE", text)
	must(t, "stats", dir)
	t.Setenv("KITH_KEY_FILE", "")
	for _, args := range [][]string{{"stats", dir}, {"stats", dir, "--key-file", other}} {
		if r := typed(t, "", args...); r.code != 6 || !strings.Contains(r.err, "--key-file FILE") {
			t.Errorf("%d arguments: exit %d, want 6: %s", len(args), r.code, r.err)
		}
	}
}

func TestParquetReadsBack(t *testing.T) {
	dir := shop(t)
	query := `SELECT *, i % 3 = 0 AS b FROM (SELECT CASE WHEN i % 7 > 0 THEN i END AS i, i AS ubig, (i * 1.000000001)::DECIMAL(38,9) AS dec, -i::HUGEINT AS huge, i::UTINYINT AS u8, i::FLOAT AS f, sqrt(i) AS d,
		CASE WHEN i % 5 > 0 THEN 'text ' || i END AS s, TIMESTAMP '2026-01-01' + to_microseconds(i) AS ts, DATE '1969-12-20' + i::INT AS da, timezone('UTC', TIMESTAMP '2026-01-01') AS tz
		FROM (SELECT range % 250 AS i FROM range(70000)))`
	file := filepath.Join(t.TempDir(), "x.parquet")
	must(t, "sql", dir, query, "-o", file)
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("SET TimeZone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	var types string
	if err := db.QueryRow(`SELECT string_agg(column_type, ' ') FROM (DESCRIBE SELECT * FROM read_parquet('` + file + `'))`).Scan(&types); err != nil {
		t.Fatal(err)
	}
	if want := "BIGINT BIGINT DECIMAL(38,9) DECIMAL(38,0) UTINYINT FLOAT DOUBLE VARCHAR TIMESTAMP DATE TIMESTAMP WITH TIME ZONE BOOLEAN"; types != want {
		t.Errorf("types = %s, want %s", types, want)
	}
	const differ = `SELECT count(*) FROM ((FROM read_parquet('%f')) EXCEPT ALL (%q)) UNION ALL SELECT count(*) FROM ((%q) EXCEPT ALL (FROM read_parquet('%f')))`
	rows, err := db.Query(strings.NewReplacer("%f", file, "%q", query).Replace(differ))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows differ, want 0 (%v)", n, err)
		}
	}
}

func TestBackupAndRestore(t *testing.T) {
	dir := shop(t)
	tmp := t.TempDir()
	data, keys, back := filepath.Join(tmp, "data"), filepath.Join(tmp, "keys"), filepath.Join(tmp, "back.kith")
	e, err := engine.Open(dir, nil) // a service is running
	if err != nil {
		t.Fatal(err)
	}
	must(t, "backup", dir, data)
	must(t, "backup", dir, keys, "--keys")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	must(t, "restore", back, data, "--keys", keys)
	for _, args := range [][]string{{"profile", "DIR", "user_id=u1", "--json"}, {"sql", "DIR", "SELECT * FROM events ORDER BY seq", "--json"}} {
		old, restored := append([]string{}, args...), append([]string{}, args...)
		old[1], restored[1] = dir, back
		if must(t, old...) != must(t, restored...) {
			t.Errorf("kith %s differs after a restore", args[0])
		}
	}
	if r := typed(t, "", "restore", back, data, "--keys", keys); r.code != 5 {
		t.Errorf("restore onto a directory ends with %d, want 5: %s", r.code, r.err)
	}
}

func TestDemoShowsOnePersonAndGoesOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo", "shop.kith")
	first := must(t, "demo", dir, "--people", "200", "--events", "3000")
	for _, want := range []string{"3,000 received in", "ada@example.org", "identifiers", "where people live", "what they spend, by plan", "to go on"} {
		if !strings.Contains(first, want) {
			t.Errorf("the demo does not say %q:\n%s", want, first)
		}
	}
	again := must(t, "demo", dir, "--people", "200", "--events", "3000")
	if !strings.Contains(again, "is there already") || strings.Contains(again, "received in") {
		t.Errorf("the second demo:\n%s", again)
	}
}

func TestSizesAndExitCodes(t *testing.T) {
	for text, want := range map[string]size{"256MB": 256e6, "2GiB": 2 << 30, "1.5k": 1500, "7": 7, "64 mib": 64 << 20} {
		var s size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s = %d, want %d (%v)", text, s, want, err)
		}
	}
	want := "0 done, 1 internal, 2 usage, 3 invalid, 4 not found, 5 exists, 6 denied, 7 unsupported, 8 locked or closed, 9 corrupt or check differs, 10 rejects under --strict or --max-errors, 130 interrupted"
	if got := codes(); got != want {
		t.Errorf("codes = %s, want %s", got, want)
	}
	for _, args := range [][]string{{}, {"frob"}, {"stats"}, {"stats", "x", "--memory", "lots"}, {"profile", "x", "eve@example.org"}, {"stats", "x", "eve@example.org"}} {
		if r := typed(t, "", args...); r.code != 2 || strings.Contains(r.err, "eve@") {
			t.Errorf("%d arguments: exit %d, want 2: %s", len(args), r.code, r.err)
		}
	}
	if r := typed(t, "", "sql", "--help"); r.code != 0 || !strings.Contains(r.out, "parquet") {
		t.Errorf("help: exit %d: %s%s", r.code, r.out, r.err)
	}
}

// The demo leaves its files beside the directory, and writes over no other's.
func TestDemoSparesOtherFiles(t *testing.T) {
	at := t.TempDir()
	till := filepath.Join(at, "till.csv")
	if err := os.WriteFile(till, []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := typed(t, "", "demo", filepath.Join(at, "shop.kith"), "--people", "200", "--events", "300"); r.code != 5 || !strings.Contains(r.err, "another is there") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	if b, err := os.ReadFile(till); err != nil || string(b) != "mine\n" {
		t.Errorf("till.csv is %q now (%v)", b, err)
	}
	if _, err := os.Stat(filepath.Join(at, "shop.kith")); !os.IsNotExist(err) {
		t.Errorf("the directory is there (%v)", err)
	}
}
