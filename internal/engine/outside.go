package engine

import (
	"sync"

	"phased/internal/phased"
)

// outside calls the functions of Options that several hooks may need at once, one
// at a time.
type outside struct {
	mu sync.Mutex
	o  *Options
}

func (c *outside) before(h *phased.Hook) error {
	if c.o.Before == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.o.Before(h)
}

func (c *outside) after(h phased.Hook, res *phased.Result, let bool) ([]phased.Payload, error) {
	if c.o.After == nil || !let {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.o.After(h, res)
}

func (c *outside) remember(phase string, e phased.Entry) error {
	if c.o.Remember == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.o.Remember(phase, e)
}

func (c *outside) requested() ([]phased.RebootRequest, error) {
	if c.o.Requested == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.o.Requested()
}
