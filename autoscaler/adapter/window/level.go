package window

import (
	"math"
	"math/bits"
)

// Levels are binary logarithms in whole steps of 2^-32, so that what decays is counted in integers. Only squaring,
// square roots and products are used, which IEEE 754 rounds alike everywhere and no compiler fuses: replicas on
// different processors agree to the last bit.
const levelBits = 32

// log2 is the level of a positive number, rounded down. It never falls as x rises.
func log2(x float64) int64 {
	mantissa, exponent := math.Frexp(x)
	mantissa *= 2
	level := int64(exponent - 1)
	for range levelBits {
		level <<= 1
		mantissa *= mantissa
		if mantissa >= 2 {
			level |= 1
			mantissa /= 2
		}
	}
	return level
}

// exp2 is the number of a level. It rises with every level: two of them are 10^-10 apart, its error is 10^-14.
func exp2(level int64) float64 {
	number, root := 1.0, 2.0
	for bit := levelBits - 1; bit >= 0; bit-- {
		root = math.Sqrt(root)
		if level>>bit&1 != 0 {
			number *= root
		}
	}
	return math.Ldexp(number, int(level>>levelBits))
}

// scaled is ⌊a·b/c⌋ without overflow on the way, at most MaxDemand; none of the three is negative, c not zero.
func scaled(a, b, c int64) int64 {
	high, low := bits.Mul64(uint64(a), uint64(b))
	if high >= uint64(c) {
		return MaxDemand
	}
	quotient, _ := bits.Div64(high, low, uint64(c))
	return int64(min(quotient, MaxDemand))
}

// scaledUp is ⌈a·b/c⌉, likewise.
func scaledUp(a, b, c int64) int64 {
	high, low := bits.Mul64(uint64(a), uint64(b))
	low, carry := bits.Add64(low, uint64(c)-1, 0)
	if high += carry; high >= uint64(c) {
		return MaxDemand
	}
	quotient, _ := bits.Div64(high, low, uint64(c))
	return int64(min(quotient, MaxDemand))
}

// atMost tells whether a·b ≤ c·d; none is negative.
func atMost(a, b, c, d int64) bool {
	high1, low1 := bits.Mul64(uint64(a), uint64(b))
	high2, low2 := bits.Mul64(uint64(c), uint64(d))
	return high1 < high2 || high1 == high2 && low1 <= low2
}
