package engine
import ("testing";"strings";"context";"fmt";"os")
func TestDbg(t *testing.T){
	f, _ := os.Create("/tmp/dbg.out")
	for i, l := range strings.Split(lovers, "\n") {
	e := filled(t, "")
	e.line.words = nil
	if _, err := e.Load(context.Background(), strings.NewReader(l), nil); err != nil { t.Fatal(err) }
	r, _ := e.Check(context.Background(), nil)
	for _, p := range r.Problems { if p.What == "document" { fmt.Fprintln(f, i, p, e.paths.Path(69)) } }
	}
	f.Close()
}
