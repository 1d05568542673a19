package scaledown

import (
	"context"
	"errors"
	"testing"
)

func TestWhileServing(t *testing.T) {
	boom, mine := errors.New("boom"), errors.New("mine")
	wait := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	tests := map[string]struct {
		reason string
		ended  error // of the adapter, at once; nil: it serves on
		cancel bool  // by the caller
		do     func(context.Context) error
		want   error
	}{
		"all is well":       {reason: "nothing to tell", do: func(context.Context) error { return nil }},
		"it fails":          {reason: "its own error", do: func(context.Context) error { return mine }, want: mine},
		"the adapter ends":  {reason: "why it ended, rather than what that led to", ended: boom, do: wait, want: boom},
		"the caller leaves": {reason: "an interrupt is not the adapter's", cancel: true, do: wait, want: context.Canceled},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := &stage{adapter: &adapter{done: make(chan struct{}), err: tc.ended}}
			if tc.ended != nil {
				close(s.adapter.done)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tc.cancel {
				cancel()
			}
			if err := s.whileServing(ctx, tc.do); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("%v, want %v: %s", err, tc.want, tc.reason)
			}
		})
	}
}
