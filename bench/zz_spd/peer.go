package main

import (
	"database/sql"
	"fmt"
	"os"
	"syscall"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
)

func peer(file string) {
	os.Remove("/tmp/kith/spd/peer.db")
	os.Remove("/tmp/kith/spd/peer.db.wal")
	db, err := sql.Open("duckdb", "/tmp/kith/spd/peer.db")
	ck(err)
	t := time.Now()
	_, err = db.Exec(`CREATE TABLE ev AS SELECT * FROM read_json('` + file + `', format='newline_delimited', columns={type:'VARCHAR', event:'VARCHAR', userId:'VARCHAR', anonymousId:'VARCHAR', messageId:'UUID', originalTimestamp:'TIMESTAMP', sentAt:'TIMESTAMP', receivedAt:'TIMESTAMP', context:'STRUCT(ip VARCHAR, userAgent VARCHAR, locale VARCHAR, timezone VARCHAR, library STRUCT(name VARCHAR, version VARCHAR), page STRUCT(path VARCHAR, "search" VARCHAR))', properties:'STRUCT(product_id VARCHAR, name VARCHAR, category VARCHAR, brand VARCHAR, price DECIMAL(18,2), currency VARCHAR, quantity INTEGER)'})`)
	ck(err)
	_, err = db.Exec("CHECKPOINT")
	ck(err)
	d := time.Since(t)
	var u syscall.Rusage
	syscall.Getrusage(0, &u)
	cpu := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	var n int
	ck(db.QueryRow("SELECT count(*) FROM ev").Scan(&n))
	st, _ := os.Stat("/tmp/kith/spd/peer.db")
	fmt.Printf("peer %d rows %v = %.0f/s cpu %v %.2f us/event, %d MB\n", n, d, float64(n)/d.Seconds(), cpu, cpu.Seconds()*1e6/float64(n), st.Size()>>20)
}
