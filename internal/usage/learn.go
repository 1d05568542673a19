package usage

import (
	"math"
	"slices"
)

// replicaQuantile is the share of a workload's replicas whose own 95th
// percentile is at or below the learned one. A new replica must fit wherever
// nearly any of its siblings would, so it is high; it is not the maximum,
// because in a workload of more than ten replicas one that ran away would then
// price all the others. Up to ten replicas it is their maximum.
const replicaQuantile = 0.9

// learn tells what one replica of a workload uses from what each of its
// replicas, living or gone, used:
//
//	Mean       the mean of their means
//	Deviation  √(mean of their squared deviations + variance of their means):
//	           how far a replica is from the mean, at a moment, in any replica
//	P95        the 0.9-quantile of their P95s, by nearest rank
//	Peak       the highest of their peaks
//
// Each statistic takes the replicas that know it, all alike whatever their age
// (the caller leaves out those too old), and is stamped with the newest sample
// that it took: a learned value is as young as its youngest witness. What no
// replica knows stays unknown. The deviation is unknown unless a replica knows
// its own: the spread between replicas alone would understate it.
func learn(replicas []*Usage, scratch *[]float64) Usage {
	var out Usage
	for d := range Dimensions {
		mean, variance := learnMean(replicas, d)
		out[d][Mean] = mean
		out[d][Deviation] = learnDeviation(replicas, d, variance)
		out[d][P95] = learnP95(replicas, d, scratch)
		out[d][Peak] = learnPeak(replicas, d)
	}
	return out
}

// learnMean returns the mean of the means and their (population) variance.
func learnMean(replicas []*Usage, d int) (Sample, float64) {
	var (
		n, mean, squares float64
		at               int64
	)
	for _, r := range replicas {
		s := r[d][Mean]
		if !s.Known() {
			continue
		}
		n++
		delta := s.Value - mean
		mean += delta / n
		squares += delta * (s.Value - mean)
		at = max(at, s.At)
	}
	if n == 0 {
		return Sample{}, 0
	}
	return Sample{Value: mean, At: at}, squares / n
}

func learnDeviation(replicas []*Usage, d int, variance float64) Sample {
	var (
		n, squares float64
		at         int64
	)
	for _, r := range replicas {
		s := r[d][Deviation]
		if !s.Known() {
			continue
		}
		n++
		squares += s.Value * s.Value
		at = max(at, s.At)
	}
	if n == 0 {
		return Sample{}
	}
	return Sample{Value: math.Sqrt(squares/n + variance), At: at}
}

func learnP95(replicas []*Usage, d int, scratch *[]float64) Sample {
	values := (*scratch)[:0]
	var at int64
	for _, r := range replicas {
		s := r[d][P95]
		if !s.Known() {
			continue
		}
		values = append(values, s.Value)
		at = max(at, s.At)
	}
	*scratch = values
	if len(values) == 0 {
		return Sample{}
	}
	slices.Sort(values)
	rank := int(math.Ceil(replicaQuantile*float64(len(values)))) - 1
	return Sample{Value: values[rank], At: at}
}

func learnPeak(replicas []*Usage, d int) Sample {
	var out Sample
	for _, r := range replicas {
		s := r[d][Peak]
		if !s.Known() {
			continue
		}
		if !out.Known() || s.Value > out.Value {
			out.Value = s.Value
		}
		out.At = max(out.At, s.At)
	}
	return out
}
