package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/kithdb/kith/bench"
)

func main() {
	var o bench.Options
	parts := flag.String("part", "", "")
	flag.StringVar(&o.Size, "size", "S", "")
	flag.StringVar(&o.Dir, "dir", "", "")
	flag.BoolVar(&o.Keep, "keep", false, "")
	flag.IntVar(&o.Repeat, "repeat", 3, "")
	results := flag.String("results", "", "")
	flag.Parse()
	if *parts != "" {
		o.Parts = strings.Split(*parts, ",")
	}
	o.Command = "kith bench " + strings.Join(os.Args[1:], " ")
	o.Say = func(s string) { fmt.Fprintln(os.Stderr, s) }
	rep, err := bench.Run(context.Background(), o)
	if rep != nil {
		rep.Write(os.Stdout)
		if *results != "" {
			fmt.Println(rep.Save(*results))
		}
	}
	if err != nil {
		fmt.Println("ERR", err)
		os.Exit(1)
	}
}
