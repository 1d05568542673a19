package capacity

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	v1 "k8s.io/api/core/v1"
)

// Outcome is how a workload fared on a cluster.
type Outcome struct {
	// Pending is the most pods that waited at once.
	Pending int
	// Reasons are what those who waited were told, and how often.
	Reasons map[string]int
	// Requested is the part of each resource that was requested at the fullest moment.
	Requested map[v1.ResourceName]float64
	// P99CPU is the utilisation of CPU that nodes were below for 99 % of the time; NaN: unknown.
	P99CPU float64
}

// Trial has the scheduler fill a cluster with a workload.
type Trial func(ctx context.Context, nodes []*v1.Node, seed int64) (*Outcome, error)

// Search looks for the cheapest mix of shapes that keeps the objectives with every seed.
type Search struct {
	Shapes []Shape
	SLO    SLO
	Seeds  []int64
	Trial  Trial
	// Demand is what the pods ask for in all: where the search begins.
	Demand v1.ResourceList
	// Most is how many nodes of a shape are tried at most; default 100,000.
	Most int
	// Note is called with what is being tried; nil: nothing is.
	Note func(string)

	tried map[string]bool
}

// Plan is what a search found.
type Plan struct {
	Mix      Mix
	Outcomes []*Outcome // by seed
	Trials   int
	// Fewer tells, for each shape that there is, what one node of it less breaks.
	Fewer []Fewer
}

// Fewer is a plan with one node less.
type Fewer struct {
	Shape    string
	Broken   int // with how many seeds
	Outcomes []*Outcome
}

// ErrTooMany is returned where no number of nodes is enough.
var ErrTooMany = errors.New("no number of nodes is enough")

// Run searches.
func (s *Search) Run(ctx context.Context) (*Plan, error) {
	s.tried = map[string]bool{}
	if s.Most == 0 {
		s.Most = 100_000
	}
	mix, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	for {
		price := mix.Price(s.Shapes)
		if mix, err = s.shrink(ctx, mix); err != nil {
			return nil, err
		}
		if mix, err = s.exchange(ctx, mix); err != nil {
			return nil, err
		}
		if mix.Price(s.Shapes) >= price {
			return s.plan(ctx, mix)
		}
	}
}

// begin finds a mix that is enough: as many of each shape as all pods would need by their sums, then more until
// they are enough.
func (s *Search) begin(ctx context.Context) (Mix, error) {
	mix := make(Mix, len(s.Shapes))
	for i := range mix {
		mix[i] = s.atLeast(&s.Shapes[i])
	}
	for {
		enough, err := s.enough(ctx, mix)
		if err != nil || enough {
			return mix, err
		}
		for i := range mix {
			if mix[i] = mix[i]*5/4 + 1; mix[i] > s.Most {
				return nil, fmt.Errorf("trying %d nodes of %q: %w", s.Most, s.Shapes[i].Name, ErrTooMany)
			}
		}
	}
}

// atLeast is how many nodes of a shape hold the demand by its sums, of the resources that the shape has.
func (s *Search) atLeast(shape *Shape) int {
	most := 1.0
	for name, has := range shape.node(0).Status.Allocatable {
		if asked, ok := s.Demand[name]; ok && has.Sign() > 0 {
			most = max(most, asked.AsApproximateFloat64()/has.AsApproximateFloat64())
		}
	}
	return int(math.Ceil(min(most, float64(s.Most))))
}

// shrink takes away what is not needed, of the dearest shape first.
func (s *Search) shrink(ctx context.Context, mix Mix) (Mix, error) {
	for _, i := range s.byPrice() {
		least, err := s.least(ctx, mix, i)
		if err != nil {
			return nil, err
		}
		mix = least
	}
	return mix, nil
}

// byPrice are the shapes, the dearest first.
func (s *Search) byPrice() []int {
	order := make([]int, len(s.Shapes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case s.Shapes[a].Price > s.Shapes[b].Price:
			return -1
		case s.Shapes[a].Price < s.Shapes[b].Price:
			return 1
		default:
			return 0
		}
	})
	return order
}

// least is the mix with the fewest nodes of one shape that is still enough. It halves the distance between a
// number that is too few and one that is enough. More nodes may by chance be worse than fewer; what it returns
// is enough in any case, and one less is not.
func (s *Search) least(ctx context.Context, mix Mix, shape int) (Mix, error) {
	few, enough := -1, mix[shape]
	for enough-few > 1 {
		trial := slices.Clone(mix)
		trial[shape] = few + (enough-few)/2
		ok, err := s.enough(ctx, trial)
		switch {
		case err != nil:
			return nil, err
		case ok:
			enough = trial[shape]
		default:
			few = trial[shape]
		}
	}
	found := slices.Clone(mix)
	found[shape] = enough
	return found, nil
}

// exchange tries nodes of one shape in place of some of another, where that could be cheaper.
func (s *Search) exchange(ctx context.Context, mix Mix) (Mix, error) {
	for _, from := range s.byPrice() {
		for to := range s.Shapes {
			for part := 1; to != from && part <= 8 && mix[from] > 0; part *= 2 {
				cheaper, err := s.exchanged(ctx, mix, from, to, max(1, mix[from]/part))
				if err != nil {
					return nil, err
				}
				if cheaper != nil {
					mix = cheaper
				}
			}
		}
	}
	return mix, nil
}

// exchanged returns a cheaper mix with so many fewer of one shape and more of another; nil if there is none.
func (s *Search) exchanged(ctx context.Context, mix Mix, from, to, count int) (Mix, error) {
	trial := slices.Clone(mix)
	trial[from] -= count
	saved := float64(count) * s.Shapes[from].Price
	more := int(math.Ceil(saved/s.Shapes[to].Price)) - 1 // the most that is still cheaper
	if more < 0 || trial[to]+more > s.Most {
		return nil, nil
	}
	trial[to] += more
	if ok, err := s.enough(ctx, trial); err != nil || !ok {
		return nil, err
	}
	return s.least(ctx, trial, to)
}

// enough tells whether a mix keeps the objectives with every seed.
func (s *Search) enough(ctx context.Context, mix Mix) (bool, error) {
	if known, ok := s.tried[mix.String()]; ok {
		return known, nil
	}
	if s.Note != nil {
		s.Note("trying " + s.describe(mix))
	}
	for _, seed := range s.Seeds {
		outcome, err := s.Trial(ctx, mix.nodes(s.Shapes), seed)
		if err != nil {
			return false, fmt.Errorf("trying %s: %w", s.describe(mix), err)
		}
		if !s.SLO.kept(outcome) {
			s.tried[mix.String()] = false
			return false, nil
		}
	}
	s.tried[mix.String()] = true
	return true, nil
}

func (s *Search) describe(mix Mix) string {
	text := ""
	for i, count := range mix {
		if count > 0 {
			if text != "" {
				text += " + "
			}
			text += fmt.Sprintf("%d %s", count, s.Shapes[i].Name)
		}
	}
	if text == "" {
		return "no nodes"
	}
	return text
}

// plan tells how the mix fares, and what is lost with one node less.
func (s *Search) plan(ctx context.Context, mix Mix) (*Plan, error) {
	p := &Plan{Mix: mix, Trials: len(s.tried)}
	var err error
	if p.Outcomes, err = s.outcomes(ctx, mix); err != nil {
		return nil, err
	}
	for i, count := range mix {
		if count == 0 {
			continue
		}
		less := slices.Clone(mix)
		less[i]--
		f := Fewer{Shape: s.Shapes[i].Name}
		if f.Outcomes, err = s.outcomes(ctx, less); err != nil {
			return nil, err
		}
		for _, outcome := range f.Outcomes {
			if !s.SLO.kept(outcome) {
				f.Broken++
			}
		}
		p.Fewer = append(p.Fewer, f)
	}
	return p, nil
}

func (s *Search) outcomes(ctx context.Context, mix Mix) ([]*Outcome, error) {
	outcomes := make([]*Outcome, 0, len(s.Seeds))
	for _, seed := range s.Seeds {
		outcome, err := s.Trial(ctx, mix.nodes(s.Shapes), seed)
		if err != nil {
			return nil, fmt.Errorf("trying %s: %w", s.describe(mix), err)
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes, nil
}
