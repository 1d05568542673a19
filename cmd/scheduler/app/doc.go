// Package app is the scheduler command: kube-scheduler with evenkeel's plugins,
// a default configuration of its own, profiles of Trimaran's users, and an
// answer to why a pod is where it is. Run runs it inside another program.
package app
