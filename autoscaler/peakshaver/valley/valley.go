// Package valley decides which suspended Jobs start now, so that the load of the coming day stays as low as it can and
// deadlines are met. It plans all Jobs that wait into a forecast of the load and releases those whose time has come in
// that plan. Each answer is a pure function of its question: nothing is remembered, and the next question may come from
// another process.
package valley

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"
)

// Job is one that waits, or is to come.
type Job struct {
	// Name with its namespace. No two are the same.
	Name    string
	Created time.Time
	// Earliest start: when its windows have closed and its turn has come. Zero: at once.
	Earliest time.Time
	// Latest start with which it meets its deadline; zero without one. It beats Earliest.
	Latest time.Time
	// Until when its run should be over: its windows open again. Zero: never.
	Until time.Time
	// Order among Jobs that are equally urgent: the lowest first.
	Order int
	// CPU that it is expected to use, in millicores. 0: not known, and then it is taken for the largest of all that wait,
	// and for one CPU at least.
	CPU int64
	// RunTime that is expected on average. 0: not known, and then it is taken to run for as long as is planned.
	RunTime time.Duration
	// Ceiling of the whole load under which it is released, in millicores. 0: none.
	Ceiling int64
}

// Question is what is known at a moment.
type Question struct {
	Now  time.Time
	Jobs []Job
	// Load of all that runs already, from now on and as far ahead as is planned. Without steps it is not known.
	Load Load
	// Known is when the load was known last, where it is not; zero: nobody knows.
	Known time.Time
}

// Reason why a Job is released.
type Reason string

// Why Jobs are released.
const (
	// Room: there is room for all of its run.
	Room Reason = "Room"
	// Deadline: it cannot wait for its earliest start; or there will be no room in time, and it is least in the way now.
	Deadline Reason = "Deadline"
	// NoUsage: the load is not known, and its turn has come in an even ramp.
	NoUsage Reason = "NoUsage"
)

// Release is a Job that starts now.
type Release struct {
	Name   string
	Reason Reason
}

// Answer to a question.
type Answer struct {
	// Release these, in this order.
	Release []Release
	// Level is the load up to which Jobs are placed, in millicores, the highest one; 0 where none is.
	Level int64
	// Next is when to ask again at the latest, if nothing changes; zero if nobody waits.
	Next time.Time
}

// Fill plans the Jobs of a question:
//
//  1. One that cannot wait for its earliest start may start before it.
//  2. They are placed as soon as there is room for their whole run under the level and their ceiling, the earliest latest
//     start first. The level is the lowest under which as many find room as under any; those that cannot wait have one of
//     their own, so that they do not raise the load of the valley.
//  3. One that finds none under its ceiling is placed where the load is lowest until its latest start; without a deadline,
//     nowhere.
//
// Those placed now are released. Where the load is not known there is no plan: Jobs are released at their latest start, and
// without a deadline evenly over Ramp after their earliest start, or after the load was known last.
func Fill(q *Question) Answer {
	if len(q.Load.CPU) == 0 {
		return blind(q)
	}
	p := newPlan(q)
	level := max(p.fill(p.hurried), p.fill(p.others))
	for _, j := range p.all {
		if j.reason == "" && !j.Latest.IsZero() {
			p.place(j, p.calmest(j), Deadline)
		}
	}
	answer := Answer{Level: level}
	for _, j := range p.all {
		if j.reason != "" && j.at == 0 {
			answer.Release = append(answer.Release, Release{Name: j.Name, Reason: j.reason})
			continue
		}
		answer.Next = sooner(answer.Next, q.Now, q.Now.Add(q.Load.Step))
		answer.Next = sooner(answer.Next, q.Now, j.Latest)
	}
	return answer
}

// Ramp over which Jobs are released where the load is not known.
const Ramp = time.Hour

// blind is the answer where the load is not known.
func blind(q *Question) Answer {
	var answer Answer
	for _, j := range inOrder(q.Jobs) {
		turn := j.turn(q.Known)
		switch {
		case j.Created.After(q.Now): // it is to come
			answer.Next = sooner(answer.Next, q.Now, j.Created)
		case !j.Latest.IsZero() && !q.Now.Before(j.Latest):
			answer.Release = append(answer.Release, Release{Name: j.Name, Reason: Deadline})
		case !q.Now.Before(turn):
			answer.Release = append(answer.Release, Release{Name: j.Name, Reason: NoUsage})
		default:
			answer.Next = sooner(sooner(answer.Next, q.Now, j.Latest), q.Now, turn)
		}
	}
	return answer
}

// turn is when a Job is released if the load is known no more. Where it is in the ramp depends on its name alone.
func (j *Job) turn(known time.Time) time.Time {
	from := known
	for _, t := range []time.Time{j.Created, j.Earliest} {
		if t.After(from) {
			from = t
		}
	}
	hash := sha256.Sum256([]byte(j.Name))
	within, _ := bits.Mul64(binary.BigEndian.Uint64(hash[:]), uint64(Ramp))
	return from.Add(time.Duration(within))
}

// sooner is the earlier of two times, of which candidate counts only if it is after now; zero counts as none.
func sooner(next, now, candidate time.Time) time.Time {
	if candidate.After(now) && (next.IsZero() || candidate.Before(next)) {
		return candidate
	}
	return next
}
