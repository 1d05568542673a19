// Package rules x.
package rules
