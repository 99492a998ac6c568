package report_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// TestAuditInBrowser opens the page of a large and hostile fleet from disk: it loads without an
// error, runs nothing of the hosts', filters, turns pages, and shows itself light and dark.
func TestAuditInBrowser(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			browser = p
		}
	}
	if browser == "" {
		t.Skip("no Chromium here")
	}
	dir := t.TempDir()
	page := filepath.Join(dir, "audit.html")
	if err := os.WriteFile(page, []byte(auditAs(t, "html", hostileFleet(1000, 20000))), 0o644); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.WindowSize(1200, 900))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var mu sync.Mutex
	var faults []string
	chromedp.ListenTarget(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			faults = append(faults, e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			faults = append(faults, "the console was written to")
		case *log.EventEntryAdded:
			faults = append(faults, e.Entry.Text)
		}
	})
	var title, all, some, none, paged, second string
	var items, cleared int
	var light, dark []byte
	var focus string
	err := chromedp.Run(ctx, log.Enable(),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}}),
		chromedp.Navigate("file://"+page),
		chromedp.Title(&title),
		chromedp.Text("#count", &all),
		chromedp.Evaluate("document.querySelectorAll('#list > li').length", &items),
		chromedp.FullScreenshot(&light, 100),
		chromedp.SetValue("#severity", "error"), fire("#severity"),
		chromedp.SetValue("#rule", "rule-3"), fire("#rule"),
		chromedp.Text("#count", &some),
		chromedp.SendKeys("#text", "no such fault"),
		chromedp.Text("#count", &none),
		chromedp.Click("#clear"),
		chromedp.Evaluate("document.querySelectorAll('#list > li').length", &cleared),
		chromedp.Evaluate("document.activeElement.id", &focus),
		chromedp.SendKeys("#host", "web999"),
		chromedp.Text("#count", &paged),
		chromedp.Click("#clear"), chromedp.Focus("#next"), chromedp.KeyEvent("\r"),
		chromedp.Text("#page", &second),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}),
		chromedp.FullScreenshot(&dark, 100),
	)
	if err != nil {
		t.Fatal(err)
	}
	if title != "fpmlint audit" || all != "20000 of 20000 findings" || items != 25 || cleared != 25 || focus != "host" {
		t.Errorf("title %q, %q, %d items, %d when cleared, focus on %q", title, all, items, cleared, focus)
	}
	if some != "167 of 20000 findings" || none != "0 of 20000 findings" || paged != "20 of 20000 findings" || second != "page 2 of 800" {
		t.Errorf("filters: %q, %q, %q, %q", some, none, paged, second)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(faults) > 0 {
		t.Errorf("the browser says: %s", strings.Join(faults, "; "))
	}
	if len(light) == 0 || string(light) == string(dark) {
		t.Error("light and dark look alike")
	}
	if keep := os.Getenv("FPMLINT_SCREENSHOTS"); keep != "" {
		if err := errors.Join(os.WriteFile(filepath.Join(keep, "light.png"), light, 0o644), os.WriteFile(filepath.Join(keep, "dark.png"), dark, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// fire tells the page that a field was changed.
func fire(selector string) chromedp.Action {
	return chromedp.Evaluate(`document.querySelector('`+selector+`').dispatchEvent(new Event('input'))`, nil)
}
