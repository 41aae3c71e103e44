package engine

import "github.com/kithdb/kith"

// eventColumns adds what history counted of the leaves of events.
func (w *view) eventColumns(r *records) error {
	s, err := w.e.hist.Stats()
	if err != nil {
		return err
	}
	for _, p := range s.Paths {
		class, _ := w.e.classes.PathClass(p.Path)
		if class == 0 || p.Path == "context.ip" && !w.e.o.KeepIP { // cut to its network
			class = kith.Other
		}
		name := p.Event
		if name == "" {
			name = kith.Kind(p.Kind).String()
		}
		r.add("events", name, p.Path, class.String(), text(p.Type), int64(p.Filled), int64(p.Rows), int64(p.Conflicts), false)
	}
	return nil
}
