// Package peer is DuckDB alone, beside which Kith is measured.
package peer

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// DB is a database file of DuckDB's own, with DuckDB's own settings but for threads and UTC.
type DB struct {
	path string
	db   *sql.DB
}

// Open makes an empty database at path; one that is there is replaced.
func Open(path string, threads int) (*DB, error) {
	if err := remove(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("duckdb", fmt.Sprintf("%s?threads=%d", path, threads))
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec("SET GLOBAL TimeZone='UTC'"); err != nil {
		db.Close() // the first error counts
		return nil, err
	}
	return &DB{path, db}, nil
}

func remove(path string) error {
	for _, p := range []string{path, path + ".wal"} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Close closes the database and removes it.
func (d *DB) Close() error { return errors.Join(d.db.Close(), remove(d.path)) }

// Size gives the bytes of the file.
func (d *DB) Size() (int64, error) {
	st, err := os.Stat(d.path)
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// Query answers a question.
func (d *DB) Query(ctx context.Context, query string) (*sql.Rows, error) {
	return d.db.QueryContext(ctx, query)
}

// trackTable is the best that DuckDB does with the lines of world.Track when it is told every type.
const trackTable = `CREATE OR REPLACE TABLE track AS SELECT * FROM read_json(?, format='newline_delimited', columns={
	type: 'VARCHAR', event: 'VARCHAR', userId: 'VARCHAR', anonymousId: 'VARCHAR', messageId: 'UUID',
	originalTimestamp: 'TIMESTAMP', sentAt: 'TIMESTAMP', receivedAt: 'TIMESTAMP',
	context: 'STRUCT(ip VARCHAR, userAgent VARCHAR, locale VARCHAR, timezone VARCHAR, library STRUCT(name VARCHAR, version VARCHAR), page STRUCT(path VARCHAR, "search" VARCHAR))',
	properties: 'STRUCT(product_id VARCHAR, name VARCHAR, category VARCHAR, brand VARCHAR, price DECIMAL(18,2), currency VARCHAR, quantity INTEGER)'})`

// Track reads a file of world.Track's lines into a typed table and makes it
// durable. It gives the number of rows.
func (d *DB) Track(ctx context.Context, file string) (int64, error) {
	if _, err := d.db.ExecContext(ctx, trackTable, file); err != nil {
		return 0, err
	}
	if _, err := d.db.ExecContext(ctx, "CHECKPOINT"); err != nil {
		return 0, err
	}
	var n int64
	err := d.db.QueryRowContext(ctx, "SELECT count(*) FROM track").Scan(&n)
	return n, err
}

// Types gives the columns that DuckDB finds in the first 200,000 lines of a
// file, as Typed wants them.
func (d *DB) Types(ctx context.Context, file string) (string, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_json("+literal(file)+
		", format='newline_delimited', ignore_errors=true, sample_size=200000, maximum_object_size=33554432))")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var name, typ string
		if err := rows.Scan(&name, &typ); err != nil {
			return "", err
		}
		list = append(list, `"`+strings.ReplaceAll(name, `"`, `""`)+`": `+literal(typ))
	}
	return "{" + strings.Join(list, ", ") + "}", rows.Err()
}

// Typed reads a file of lines into a table with the columns, and makes it
// durable. It gives the number of rows; lines that are no JSON are left out.
func (d *DB) Typed(ctx context.Context, file, columns string) (int64, error) {
	err := d.exec(ctx, "CREATE OR REPLACE TABLE typed AS SELECT * FROM read_json("+literal(file)+
		", format='newline_delimited', ignore_errors=true, maximum_object_size=33554432, columns="+columns+")", "CHECKPOINT")
	if err != nil {
		return 0, err
	}
	var n int64
	err = d.db.QueryRowContext(ctx, "SELECT count(*) FROM typed").Scan(&n)
	return n, err
}

// Retail reads a file of Online Retail into a typed table, and makes it durable.
// It gives the number of rows.
func (d *DB) Retail(ctx context.Context, file string) (int64, error) {
	err := d.exec(ctx, "CREATE OR REPLACE TABLE retail AS SELECT * FROM read_csv("+literal(file)+`, header=true, columns={InvoiceNo: 'VARCHAR', StockCode: 'VARCHAR',
		Description: 'VARCHAR', Quantity: 'INTEGER', InvoiceDate: 'TIMESTAMP', UnitPrice: 'DECIMAL(18,3)', CustomerID: 'INTEGER', Country: 'VARCHAR'})`, "CHECKPOINT")
	if err != nil {
		return 0, err
	}
	var n int64
	err = d.db.QueryRowContext(ctx, "SELECT count(*) FROM retail").Scan(&n)
	return n, err
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Copy makes a table of rows, which it closes. Columns called properties_x
// become the fields x of one STRUCT, as a table made by hand would have them.
func (d *DB) Copy(ctx context.Context, table string, rows *sql.Rows) (n int64, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	types, err := rows.ColumnTypes()
	if err != nil {
		return 0, err
	}
	var defs, plain, fields []string
	for _, t := range types {
		defs = append(defs, t.Name()+" "+t.DatabaseTypeName())
		if f, ok := strings.CutPrefix(t.Name(), "properties_"); ok {
			fields = append(fields, f+" := "+t.Name())
		} else {
			plain = append(plain, t.Name())
		}
	}
	if len(fields) > 0 {
		plain = append(plain, "struct_pack("+strings.Join(fields, ", ")+") AS properties")
	}
	if err := d.exec(ctx, "CREATE TABLE copied ("+strings.Join(defs, ", ")+")"); err != nil {
		return 0, err
	}
	if n, err = d.fill(ctx, rows, len(types)); err != nil {
		return n, err
	}
	return n, d.exec(ctx,
		"CREATE OR REPLACE TABLE "+table+" AS SELECT "+strings.Join(plain, ", ")+" FROM copied",
		"DROP TABLE copied", "CHECKPOINT", "ANALYZE "+table)
}

func (d *DB) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := d.db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// fill appends rows to the table copied.
func (d *DB) fill(ctx context.Context, rows *sql.Rows, width int) (n int64, err error) {
	c, err := d.db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	values, at, row := make([]any, width), make([]any, width), make([]driver.Value, width)
	for i := range values {
		at[i] = &values[i]
	}
	err = c.Raw(func(raw any) (err error) {
		a, err := duckdb.NewAppenderFromConn(raw.(driver.Conn), "", "copied")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.Close()) }()
		for rows.Next() {
			if err := rows.Scan(at...); err != nil {
				return err
			}
			for i, v := range values {
				row[i] = v
			}
			if err := a.AppendRow(row...); err != nil {
				return err
			}
			n++
		}
		return rows.Err()
	})
	return n, err
}
