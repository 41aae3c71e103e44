package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"

	"github.com/kithdb/kith/bench/world"
	"github.com/kithdb/kith/engine"
)

func main() {
	switch os.Args[1] {
	case "gen":
		n, _ := strconv.Atoi(os.Args[3])
		people, _ := strconv.Atoi(os.Args[4])
		f, _ := os.Create(os.Args[2])
		w := bufio.NewWriterSize(f, 1<<20)
		for l := range world.Track(7, n, people) {
			w.Write(l)
			if l[len(l)-1] != '\n' {
				w.WriteByte('\n')
			}
		}
		w.Flush()
		f.Close()
	case "peer":
		peer(os.Args[2])
	case "load":
		os.RemoveAll(os.Args[2])
		if len(os.Args) > 4 {
			p, _ := os.Create(os.Args[4])
			pprof.StartCPUProfile(p)
			defer pprof.StopCPUProfile()
		}
		var mem int64
		if v := os.Getenv("MEM"); v != "" {
			mem, _ = strconv.ParseInt(v, 10, 64)
		}
		t := time.Now()
		e, err := engine.Open(os.Args[2], &engine.Options{Memory: mem})
		ck(err)
		f, err := os.Open(os.Args[3])
		ck(err)
		r, err := e.Load(context.Background(), f, nil)
		ck(err)
		d := time.Since(t)
		var u syscall.Rusage
		syscall.Getrusage(0, &u)
		fmt.Printf("%+v first %v\n%.0f events/s wall; acked in %v\n", r.Tally, len(r.First), float64(r.Received)/d.Seconds(), d)
		if v := os.Getenv("HEAP"); v != "" {
			hf, _ := os.Create(v)
			pprof.WriteHeapProfile(hf)
			hf.Close()
			var ms runtime.MemStats
			runtime.ReadMemStats(&ms)
			fmt.Printf("heap sys %d MB inuse %d MB; rss %d MB\n", ms.HeapSys>>20, ms.HeapInuse>>20, u.Maxrss/1024)
		}
		rows, err := e.SQL(context.Background(), "SELECT count(*), count(DISTINCT profile_id) FROM events")
		ck(err)
		var a, b int
		for rows.Next() {
			ck(rows.Scan(&a, &b))
		}
		d = time.Since(t)
		syscall.Getrusage(0, &u)
		cpu := time.Duration(u.Utime.Nano() + u.Stime.Nano())
		fmt.Printf("sql %d %d; in history after %v = %.0f/s; cpu %v = %.2f us/event; maxrss %d MB\n", a, b, d, float64(r.Received)/d.Seconds(), cpu, cpu.Seconds()*1e6/float64(r.Received), u.Maxrss/1024)
		t = time.Now()
		ck(e.Close())
		fmt.Println("close", time.Since(t))
	}
}

func ck(err error) {
	if err != nil {
		fmt.Println("ERR", err)
		pprof.StopCPUProfile()
		os.Exit(1)
	}
}
