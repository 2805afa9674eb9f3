package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is where Debian has the browser.
const chromium = "/usr/bin/chromium"

// browser is the one chromium of all tests.
type browser struct {
	ctx context.Context //nolint:containedctx // it is chromedp's handle of the browser
	end context.CancelFunc
}

var chrome = sync.OnceValues(func() (*browser, error) {
	dir, err := work()
	if err != nil {
		return nil, err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(dir+"/profile"), chromedp.WSURLReadTimeout(patience))
	ctx, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endBrowser := chromedp.NewContext(ctx)
	started = true
	b := &browser{ctx, func() { endBrowser(); endAllocator() }}
	if err := chromedp.Do(ctx); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", chromium, err)
	}
	return b, nil
})

// started tells whether a test has needed the browser.
var started bool

func closeChrome() error {
	if !started {
		return nil
	}
	b, err := chrome()
	if err != nil {
		return err
	}
	defer b.end()
	ctx, cancel := context.WithTimeoutCause(b.ctx, patience, fmt.Errorf("it does not end"))
	defer cancel()
	return chromedp.Cancel(ctx)
}

// tab is a window of a session of its own: no cookies, no cache of another. It
// notes what a page must not do.
type tab struct {
	t      testing.TB
	ctx    context.Context //nolint:containedctx // it is chromedp's handle of the tab
	origin string

	mu         sync.Mutex
	complaints []string
	asked      []string // every address that was asked for
}

// newTab opens a tab for the pages of an origin. Once the test has ended, every
// complaint fails it.
func newTab(t testing.TB, origin string) *tab {
	t.Helper()
	b, err := chrome()
	if err != nil {
		t.Fatal(err)
	}
	w := &tab{t: t, origin: origin}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.hear))
	w.ctx = ctx
	t.Cleanup(func() {
		cancel()
		for _, c := range w.take() {
			t.Error(c)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("cannot open a tab: %v", err)
	}
	call(w, audits.Enable, cdp.Empty{})
	return w
}

// hear notes what the browser tells. It runs in the browser's loop.
func (w *tab) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			w.complain("console: %s %s", e.Type, inJSON(e.Args))
		}
	case *runtime.EventExceptionThrown:
		w.complain("uncaught: %s", inJSON(e.ExceptionDetails))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			w.complain("log of the browser: %s %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		w.complain("issue: %s %s", e.Issue.Code, inJSON(e.Issue.Details))
	case *network.EventRequestWillBeSent:
		w.note(e.Request.URL)
	case *network.EventWebSocketCreated:
		w.complain("a web socket to %s", e.URL)
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			w.complain("%d for %s", e.Response.Status, e.Response.URL)
		}
	case *page.EventJavascriptDialogOpening:
		w.complain("a dialog: %q", e.Message)
	}
}

// note keeps an address that was asked for: none may be of somebody else.
func (w *tab) note(address string) {
	if !strings.HasPrefix(address, w.origin+"/") {
		w.complain("asked for %s, which is elsewhere", address)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, address)
}

func (w *tab) complain(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complaints = append(w.complaints, fmt.Sprintf(format, args...))
}

// take returns the complaints so far, and forgets them.
func (w *tab) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.complaints
	w.complaints = nil
	return all
}

// quiet fails the test where the page has given reason to complain.
func (w *tab) quiet(where string) {
	w.t.Helper()
	eval[int](w, 0, "1") // what the browser had to tell before is told now
	for _, c := range w.take() {
		w.t.Errorf("%s: %s", where, c)
	}
}

// inJSON is a value of the protocol, for people.
func inJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// limited is the tab's context with the time that a test waits.
func (w *tab) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(w.ctx, patience, fmt.Errorf("nothing for %s", patience))
}

// do runs actions in the tab.
func (w *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := w.limited()
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// get runs an action in the tab and returns what it yields.
func get[T any](w *tab, what string, a chromedp.Action[T]) T {
	w.t.Helper()
	ctx, cancel := w.limited()
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	return v
}

// call sends one command of the protocol.
func call[P, R any](w *tab, c cdp.Command[P, R], params P) R {
	w.t.Helper()
	ctx, cancel := w.limited()
	defer cancel()
	r, err := chromedp.Call(ctx, c, params)
	if err != nil {
		w.t.Fatalf("%s: %v", c.Method, err)
	}
	return r
}

// open goes to an address of the site and wants a page there.
func (w *tab) open(path string) {
	w.t.Helper()
	r := get(w, path, chromedp.NavigateResponse(w.origin+path))
	if r == nil || r.Status != 200 {
		w.t.Fatalf("%s: no page: %s", path, inJSON(r))
	}
}

// click follows what a selector finds, with the mouse, and returns the path of the page that
// it leads to.
func (w *tab) click(selector string) string {
	w.t.Helper()
	ctx, cancel := w.limited()
	defer cancel()
	r, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector)))
	if err != nil {
		w.t.Fatalf("click on %s: %v", selector, err)
	}
	if r.Status != 200 {
		w.t.Fatalf("click on %s: %d for %s", selector, r.Status, r.URL)
	}
	return w.path()
}

// path is where the tab is, without the origin.
func (w *tab) path() string {
	w.t.Helper()
	return strings.TrimPrefix(get(w, "location", chromedp.Location()), w.origin)
}

// eval evaluates an expression of JavaScript beside the page: in a world of its
// own, which the page's policy does not bind and whose names the page does not see. A
// promise is waited for.
func eval[T any](w *tab, world runtime.ExecutionContextID, expression string) T {
	w.t.Helper()
	return get(w, "script of the test", chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise, func(p *runtime.EvaluateParams) { p.ContextID = world }))
}

// aside makes such a world for the page that is shown.
func (w *tab) aside() runtime.ExecutionContextID {
	w.t.Helper()
	frame := call(w, page.GetFrameTree, cdp.Empty{}).FrameTree.Frame.ID
	return call(w, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: frame, WorldName: "test"}).ExecutionContextID
}

// look is how a page is looked at.
type look struct {
	width, height int64
	dark, still   bool    // still: no motion is wanted
	scale         float64 // 2: 200 %; 0 is 1
	noScript      bool
}

// as sets how pages are shown from now on.
func (w *tab) as(l look) {
	w.t.Helper()
	scheme, motion := "light", "no-preference"
	if l.dark {
		scheme = "dark"
	}
	if l.still {
		motion = "reduce"
	}
	if l.scale == 0 {
		l.scale = 1
	}
	if l.height == 0 {
		l.height = 800
	}
	w.do("viewport", chromedp.EmulateViewport(l.width, l.height, chromedp.EmulateScale(l.scale)))
	call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion},
	}})
	call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.noScript})
}

// waitFor waits until an expression is true, asked beside the page.
func (w *tab) waitFor(expression string) {
	w.t.Helper()
	world := w.aside()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if eval[bool](w, world, expression) {
			return
		}
	}
	w.t.Fatalf("%s: never true at %s", expression, w.path())
}

// parseURL is an address of the site in its parts.
func (w *tab) parseURL(address string) *url.URL {
	w.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		w.t.Fatalf("%q is no address: %v", address, err)
	}
	return u
}

// goTo goes to an address that no server answers: a file.
func (w *tab) goTo(address string) {
	w.t.Helper()
	w.do(address, chromedp.Navigate(address))
}

// press clicks on what a selector finds first and leads to no other page.
func (w *tab) press(selector string) {
	w.t.Helper()
	w.do("click on "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// fullTree asks for what a page says to who hears it.
func fullTree() cdp.Command[accessibility.GetFullAXTreeParams, accessibility.GetFullAXTreeResult] {
	return accessibility.GetFullAXTree
}

func noParams() accessibility.GetFullAXTreeParams { return accessibility.GetFullAXTreeParams{} }
