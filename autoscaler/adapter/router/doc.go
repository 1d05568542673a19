// Package router asks other metrics servers, such as prometheus-adapter or KEDA, for what is not known here; and compares
// their answers with those that are.
package router
