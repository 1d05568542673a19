package board

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// twin reads a row from the whole history of answers, newest last: how long ago its value is of, -1 for none.
func twin(history []string, row string, c Config) (value string, steps int) {
	for i := len(history) - 1; i >= 0; i-- {
		if word, ok := find(history[i], row); ok && word != "NaN" {
			steps = len(history) - 1 - i
			if time.Duration(steps)*c.Step > c.Stale || forgotten(history[i:], row, c) {
				return "", -1
			}
			return word, steps
		}
	}
	return "", -1
}

// forgotten tells whether a row whose last measurement is at the first tick was given up at a later one.
func forgotten(since []string, row string, c Config) bool {
	heard := 0
	for i, text := range since {
		_, there := find(text, row)
		switch {
		case text == "!":
		case there:
			heard = i
		case text == "" && time.Duration(i)*c.Step > c.Stale:
			return true
		case text != "" && time.Duration(i-heard)*c.Step > c.Fresh:
			return true
		}
	}
	return false
}

func find(text, row string) (string, bool) {
	for _, word := range strings.Fields(text) {
		if value, ok := strings.CutPrefix(word, row+"="); ok {
			return value, true
		}
	}
	return "", false
}

// TestHistory plays random answers, and compares each row at each tick with the twin.
func TestHistory(t *testing.T) {
	served, refused := 0, 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		c := Config{Step: 15 * time.Second, Fresh: time.Duration(1+r.IntN(3)) * 15 * time.Second}
		c.Stale = c.Fresh + time.Duration(r.IntN(4))*15*time.Second
		clk := clocktesting.NewFakeClock(began)
		source := &fake{}
		b, _ := newBoard(t, c, source, clk)
		sheet := b.Sheet(Query{Expr: "x", Row: byPod})
		var history []string
		for range 30 {
			text := random(r)
			history = append(history, text)
			source.say = says(text)
			b.tick(t.Context(), clk.Now())
			for _, name := range []string{"a", "b", "c"} {
				row, err := sheet.Read(t.Context(), name)
				want, steps := twin(history, name, c)
				if err != nil {
					refused++
					if steps >= 0 {
						t.Fatalf("seed %d, %+v: %q of %v is %v, want %s", seed, c, name, history, err, want)
					}
					continue
				}
				served++
				if got := fmt.Sprint(row.Samples[0].Value); got != want || clk.Now().Sub(row.At) != time.Duration(steps)*c.Step {
					t.Fatalf("seed %d, %+v: %q of %v is %s, %v ago; want %q, %d steps ago", seed, c, name, history, got, clk.Now().Sub(row.At), want, steps)
				}
			}
			clk.Step(c.Step)
		}
	}
	if served < 5000 || refused < 1000 {
		t.Errorf("%d served, %d refused: too few to tell", served, refused)
	}
}

// random is an answer: often like the one before it, at times a failure or nothing.
func random(r *rand.Rand) string {
	switch r.IntN(8) {
	case 0:
		return "!"
	case 1:
		return ""
	}
	var words []string
	for _, name := range []string{"a", "b", "c"} {
		switch r.IntN(4) {
		case 0:
		case 1:
			words = append(words, name+"=NaN")
		default:
			words = append(words, fmt.Sprintf("%s=%d", name, r.IntN(100)))
		}
	}
	return strings.Join(words, " ")
}
