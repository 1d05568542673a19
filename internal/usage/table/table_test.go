package table

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A Table does what a map would, and a View of it stays what it was.
func TestTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var table Table[string, int]
	twin := map[string]int{}
	key := func() string { return string(rune('a' + random.IntN(26))) }
	type pair struct {
		view View[string, int]
		want map[string]int
	}
	var views []pair
	for range 3000 {
		k := key()
		switch random.IntN(4) {
		case 0, 1:
			i := table.Add(k)
			table.Rows[i]++
			twin[k]++
			if table.Keys[i] != k {
				t.Fatalf("the key of row %d is %s, want %s", i, table.Keys[i], k)
			}
		case 2:
			if random.IntN(50) == 0 {
				table.Clear()
				clear(twin)
			}
			table.Remove(k)
			delete(twin, k)
		default:
			views = append(views, pair{table.Freeze(), maps.Clone(twin)})
		}
		i := table.Find(k)
		if value, ok := twin[k]; ok != (i >= 0) || ok && table.Rows[i] != value {
			t.Fatalf("%s is in row %d, want %d, %v", k, i, value, ok)
		}
	}
	if len(table.Rows) > 26 {
		t.Errorf("%d rows for 26 keys: free ones were not taken", len(table.Rows))
	}
	for _, p := range views {
		got := map[string]int{}
		for k, v := range p.view.All {
			got[k] = *v
		}
		if diff := cmp.Diff(p.want, got); diff != "" || p.view.Len() != len(p.want) {
			t.Fatalf("a view changed (-want +got):\n%s", diff)
		}
		if v := p.view.Get("none"); v != nil {
			t.Fatalf("what was never added is %v", *v)
		}
		for range 10 { // whichever row it looks at first
			k, row := key(), int32(random.IntN(30)-1)
			v, found := p.view.Near(k, row)
			if v != p.view.Get(k) || v == nil && found != row {
				t.Fatalf("%s, looked for in row %d, was found in %d", k, row, found)
			}
			if again, same := p.view.Near(k, found); again != v || same != found {
				t.Fatalf("%s moved from row %d to %d", k, found, same)
			}
		}
	}
}

func TestShare(t *testing.T) {
	var table Table[string, int]
	table.Add("a")
	view := Share(&table, []string{"x"})
	table.Add("b")
	table.Remove("a")
	if got := view.Get("a"); got == nil || *got != "x" || view.Len() != 1 {
		t.Errorf("a is %v of %d", got, view.Len())
	}
	for range view.All {
		break // stopping early is allowed
	}
}

func TestZero(t *testing.T) {
	var table Table[int, int]
	table.Remove(1)
	if view := table.Freeze(); view.Len() != 0 || view.Get(0) != nil || table.Find(0) != -1 {
		t.Error("the zero table has something")
	}
}
