package controlplane

import (
	"context"
	"errors"
	"fmt"
)

// component is a part of the control plane that runs in a goroutine of its own.
type component struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	// err is set before done is closed.
	err error
}

// run starts a component that works until Stop; it keeps the context's values, not its end. One name
// runs once, and nothing starts after Stop.
func (c *ControlPlane) run(ctx context.Context, name string, work func(context.Context) error) (*component, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return nil, errors.New("the control plane has been stopped")
	}
	for _, p := range c.components {
		if p.name == name && !p.ended() {
			return nil, fmt.Errorf("%s: running already", name)
		}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &component{name: name, cancel: cancel, done: make(chan struct{})}
	c.components = append(c.components, p)
	go func() {
		defer close(p.done)
		p.err = work(ctx)
	}()
	return p, nil
}

func (p *component) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop ends the component and waits for it.
func (p *component) stop() error {
	p.cancel()
	<-p.done
	if p.err != nil {
		return fmt.Errorf("stopping %s: %w", p.name, p.err)
	}
	return nil
}

// failed tells of a component that ended by itself.
func (c *ControlPlane) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.components {
		if p.ended() {
			return errors.Join(fmt.Errorf("%s ended early", p.name), p.err)
		}
	}
	return nil
}
