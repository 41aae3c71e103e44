package query

import (
	"fmt"
	"testing"
)

// Where a text asks for what has a name, which may stand elsewhere in it, too.
func TestPlace(t *testing.T) {
	text := "plan = 'a' AND colour = 'a' AND NOT in_segment('a')\n OR in_list('a') AND sku IN (SELECT g.sku FROM goods g WHERE g.colour = 'a' AND colour <> 'b')"
	for what, want := range map[string]string{
		"segment a": "1:48 true", "list a": "2:13 true", "table goods": "2:48 true",
		"column sku of table goods": "2:37 true", "column colour of table goods": "2:62 true", "column size of table goods": "1:1 false", "segment b": "1:1 false",
	} {
		line, column, ok := Place(text, what)
		if got := fmt.Sprintf("%d:%d %v", line, column, ok); got != want {
			t.Errorf("Place of %s is %s, want %s", what, got, want)
		}
	}
}
