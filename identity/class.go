package identity

import (
	"strings"

	"github.com/kithdb/kith"
)

// Classes tells how much a value says about who a person is: as declared, else
// by a table of names, else by the shape of the value. The zero value has
// nothing declared.
type Classes struct {
	declared map[string]kith.Class
}

// NewClasses declares the class of paths such as "properties.note", and of all
// that is below them. The longest declared path decides.
func NewClasses(declared map[string]kith.Class) *Classes {
	c := &Classes{declared: make(map[string]kith.Class, len(declared))}
	for path, class := range declared {
		c.declared[path] = class
	}
	return c
}

// Of gives the class of one leaf: its dotted path, and its value as JSON text.
func (c *Classes) Of(path string, value []byte) kith.Class {
	if class, decided := c.PathClass(path); decided {
		return class
	}
	if Shape(value) {
		return kith.Identifying
	}
	return kith.Other
}

// PathClass gives the class of all values at the path, and whether the path
// alone decides it. Where it does not, Shape decides each value, and a value
// without such a shape is Other.
func (c *Classes) PathClass(path string) (class kith.Class, decided bool) {
	if class, ok := c.declaredFor(path); ok {
		return class, true
	}
	return byTable(path)
}

func (c *Classes) declaredFor(path string) (kith.Class, bool) {
	if c == nil || len(c.declared) == 0 {
		return 0, false
	}
	for path != "" {
		if class, ok := c.declared[path]; ok {
			return class, true
		}
		i := strings.LastIndexByte(path, '.')
		path = path[:max(i, 0)]
	}
	return 0, false
}
