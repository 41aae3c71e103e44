package bench

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/kithdb/kith/engine"
)

func TestDbg(t *testing.T) {
	e, err := engine.Open("/tmp/plan-bench/world.kith", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	only, _ := strconv.Atoi(os.Getenv("ONLY"))
	o := &engine.AskOptions{Now: segmentNow}
	for i, s := range segments {
		if only >= 0 && i != only {
			continue
		}
		best, n := time.Hour, 0
		for begin := time.Now(); time.Since(begin) < 4*time.Second; {
			b := time.Now()
			n, err = e.Count(t.Context(), s.text, o)
			if err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(b))
		}
		fmt.Println(s.name, n, best)
	}
}
