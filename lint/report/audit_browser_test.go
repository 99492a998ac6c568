package report_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"fpmlint/lint/audit"
)

// open opens a page in a browser that the test's end closes.
func open(t *testing.T, text string) context.Context {
	t.Helper()
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			browser = p
		}
	}
	if browser == "" {
		t.Skip("no Chromium here")
	}
	file := filepath.Join(t.TempDir(), "audit.html")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.WindowSize(1200, 900))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	return context.WithValue(ctx, pageKey{}, "file://"+file)
}

// pageKey is where open keeps the page's address.
type pageKey struct{}

func navigate(ctx context.Context) chromedp.Action {
	return chromedp.Navigate(ctx.Value(pageKey{}).(string))
}

// keep saves a picture where a person asks for it.
func keep(t *testing.T, name string, data []byte) {
	t.Helper()
	if dir := os.Getenv("FPMLINT_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAuditInBrowser opens the page of a large and hostile fleet from disk: it loads without an
// error, runs nothing of the hosts', filters, turns pages, and shows itself light and dark.
func TestAuditInBrowser(t *testing.T) {
	ctx := open(t, auditAs(t, "html", hostileFleet(1000, 20000)))
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
		navigate(ctx),
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
	keep(t, "light.png", light)
	keep(t, "dark.png", dark)
}

// TestAuditOnPaper prints the page, from a browser that shows pages dark: what the filter leaves is
// all there and open, the controls are not, and everything can be read on white.
func TestAuditOnPaper(t *testing.T) {
	r := hostileFleet(1000, 20000)
	r.Findings[0].Hosts = nil
	for _, h := range r.Hosts[:30] {
		r.Findings[0].Hosts = append(r.Findings[0].Hosts, h.Name)
	}
	r.Drift = &audit.Drift{Since: "before.json", New: r.Findings[:600], Gone: []audit.Finding{}}
	ctx := open(t, auditAs(t, "html", r))
	var all, some, after paper
	var picture, pdf []byte
	// What the page is like is asked while the browser prints, behind the page's own listener.
	listen := chromedp.Evaluate(`addEventListener('beforeprint', () => { window.printed = (`+onPaper+`)(); })`, nil)
	printed := func(out *paper) chromedp.Action {
		return chromedp.ActionFunc(func(ctx context.Context) (err error) {
			if pdf, _, err = page.PrintToPDF().WithPrintBackground(true).Do(ctx); err != nil {
				return err
			}
			return chromedp.Evaluate("window.printed", out).Do(ctx)
		})
	}
	dark := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}
	err := chromedp.Run(ctx, emulation.SetEmulatedMedia().WithMedia("print").WithFeatures(dark), navigate(ctx), listen,
		printed(&all),
		chromedp.Evaluate("("+onPaper+")()", &after),
		emulation.SetEmulatedMedia().WithFeatures(dark),
		chromedp.SetValue("#severity", "error"), fire("#severity"),
		chromedp.SetValue("#rule", "rule-3"), fire("#rule"),
		emulation.SetEmulatedMedia().WithMedia("print").WithFeatures(dark),
		printed(&some),
		chromedp.Evaluate("dispatchEvent(new Event('beforeprint'))", nil),
		chromedp.FullScreenshot(&picture, 100),
	)
	if err != nil {
		t.Fatal(err)
	}
	keep(t, "paper.png", picture)
	keep(t, "paper.pdf", pdf)
	if all.Findings != 500 || all.Page != "the first 500 of 20000" || all.Hosts != 500 || all.HostsPage != "the first 500 of 1000" {
		t.Errorf("without a filter: %+v", all)
	}
	if all.Closed+all.Unfilled > 0 || !strings.Contains(all.First, r.Hosts[29].Name) {
		t.Errorf("%d parts are closed, %d are empty; the first finding is on %s", all.Closed, all.Unfilled, all.First)
	}
	if all.New != 501 || all.Gone != 1 {
		t.Errorf("%d changes are new, %d gone: want 500 and how many more, and the word that there are none", all.New, all.Gone)
	}
	if some.Findings != 167 || some.Page != "" || some.Filter != "rule: rule-3, severity: error" || after.Findings != 25 {
		t.Errorf("with a filter: %+v; %d findings on the screen afterwards", some, after.Findings)
	}
	for _, p := range []paper{all, some} {
		if len(p.Controls) > 0 || len(p.Faint) > 0 {
			t.Errorf("on paper there are %v; hard to read are %v", p.Controls, p.Faint)
		}
	}
	t.Run("text", func(t *testing.T) {
		if _, err := exec.LookPath("pdftotext"); err != nil {
			t.Skip("no pdftotext (poppler-utils) here")
		}
		c := exec.Command("pdftotext", "-layout", "-", "-")
		c.Stdin = bytes.NewReader(pdf)
		text, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range r.Findings {
			want := f.Rule == "rule-3" && f.Severity == "error"
			// Those among the changes are printed in any case.
			if got := bytes.Contains(text, fmt.Appendf(nil, "fault %d ", i)); want != got && i >= len(r.Drift.New) {
				t.Errorf("finding %d is printed: %t", i, got)
			}
		}
	})
}

// paper is what onPaper sees.
type paper struct {
	Findings, Hosts, Closed, Unfilled, New, Gone int
	Page, HostsPage, Filter, First               string
	// Controls are seen that paper has no use for; Faint are texts with too little contrast (WCAG 2.2,
	// 1.4.3), each with its colours.
	Controls, Faint []string
}

const onPaper = `() => {
  const all = s => [...document.querySelectorAll(s)], seen = e => e.getClientRects().length > 0;
  const rgb = c => c.match(/[\d.]+/g).map(Number);
  const light = c => rgb(c).slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor, a = rgb(c)[3]; if (a === undefined || a > 0) return c; } return 'rgb(255, 255, 255)'; };
  const faint = new Set();
  for (const e of all('body *')) {
    if (!seen(e) || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const colours = [getComputedStyle(e).color, ground(e)], [a, b] = colours.map(light).sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5 || light(colours[1]) < .8) faint.add(e.tagName + '.' + e.className + ' ' + colours.join(' on '));
  }
  return {
    findings: all('#list > li').length, hosts: all('#hosts > tr').length, new: all('#drift-new > li').length, gone: all('#drift-gone > li').length,
    closed: all('#list details:not([open])').length, unfilled: all('#list details').filter(d => d.childElementCount < 2).length,
    page: document.getElementById('page').textContent, hostsPage: document.getElementById('hosts-page').textContent,
    filter: document.getElementById('filter').innerText, first: document.querySelector('#list > li').innerText,
    controls: all('input, select, label, .pages button, #clear, .skip').filter(seen).map(e => e.id || e.className || e.tagName), faint: [...faint],
  };
}`

// fire tells the page that a field was changed.
func fire(selector string) chromedp.Action {
	return chromedp.Evaluate(`document.querySelector('`+selector+`').dispatchEvent(new Event('input'))`, nil)
}
