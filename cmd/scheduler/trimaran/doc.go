// Package trimaran reads scheduler profiles written for Trimaran, the load
// aware plugins of sigs.k8s.io/scheduler-plugins, and translates them into
// arguments of evenkeel's plugin with the same meaning.
//
// The arguments are those of kubescheduler.config.k8s.io/v1 as defined in
// sigs.k8s.io/scheduler-plugins/apis/config/v1. They are mirrored here because
// importing that package changes the decoding of every scheduler configuration
// of the process; a test holds the mirror against the original.
package trimaran
