// Package catalogue knows which metrics there are: what the rules make of the series that Prometheus has.
package catalogue
