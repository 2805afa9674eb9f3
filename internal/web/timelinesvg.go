package web

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// drawing makes the picture of a timeline. Places along the time are shares of the
// width, so that the picture has the width of the page and its letters stay as
// large as those of the page.
type drawing struct {
	markup
	v      *view
	length time.Duration
	link   func(phase string, hook phased.Text) string // nil: bars are no links
	kinds  map[kind]bool
}

// timeline draws a run. Everything in it stands in the tables of the phases as well.
func (v *view) timeline(link func(phase string, hook phased.Text) string) template.HTML {
	d := drawing{v: v, length: v.length(), link: link, kinds: map[kind]bool{}}
	bands := v.lay()
	if len(bands) == 0 {
		return ""
	}
	last := bands[len(bands)-1]
	high := last.y + last.high
	d.open("svg", "class", "timeline", "role", "group", "aria-label", "Timeline of the run: phases in the order in which they were entered, "+
		report.Took(d.length)+" in all. The tables below have the same.", "width", "100%", "height", number(high))
	d.axis(high)
	for i := range bands {
		d.band(&bands[i], i%2 == 1)
	}
	d.close("svg")
	d.legend()
	return d.html()
}

func (d *drawing) at(t time.Duration) float64 {
	return 100 * float64(max(0, min(t, d.length))) / float64(d.length)
}

func (d *drawing) axis(high float64) {
	for _, t := range ticks(d.length) {
		x := d.at(t)
		d.open("line", "class", "grid", "x1", percent(x), "x2", percent(x), "y1", "16", "y2", number(high))
		d.close("line")
		anchor := "middle"
		switch {
		case x < 4:
			anchor = ""
		case x > 96:
			anchor = "end"
		}
		d.element("text", tickText(t), "class", "tick", "x", percent(x), "y", "12", "text-anchor", anchor)
	}
}

// band draws a phase: what it is called, how long it took, and its hooks.
func (d *drawing) band(b *band, odd bool) {
	p := &d.v.Run.Phases[b.phase]
	class := "band"
	if odd {
		class += " odd"
	}
	d.open("rect", "class", class, "x", "0", "y", number(b.y), "width", "100%", "height", number(b.high))
	d.close("rect")
	began := max(0, p.Began.Sub(d.v.Run.Began))
	end := d.v.Now
	if p.Status.Final() && p.Took > 0 {
		end = began + p.Took
	}
	d.open("rect", "class", "extent "+string(p.Status), "x", percent(d.at(began)), "y", number(b.y+headHigh-3), "width", percent(d.at(end)-d.at(began)), "height", "2")
	d.close("rect")
	d.open("text", "class", "phase", "x", "6", "y", number(b.y+14))
	d.element("tspan", report.Safe(p.Phase, false), "class", "name")
	d.element("tspan", "  "+d.v.phaseText(b), "class", "more")
	d.close("text")
	for _, one := range b.bars {
		d.bar(b, one)
	}
	if b.own {
		d.labels(b)
	}
}

// phaseText tells how many hooks a phase has, and how long it took.
func (v *view) phaseText(b *band) string {
	p := &v.Run.Phases[b.phase]
	n := len(v.Rows[b.phase])
	text := fmt.Sprintf("%d hooks", n)
	switch {
	case p.Missing:
		return "no directory"
	case n == 0:
		return "nothing to run"
	case n == 1:
		text = "1 hook"
	}
	if p.Status.Final() && p.Took > 0 {
		text += ", " + report.Took(p.Took)
	}
	if b.hidden > 0 && !b.own {
		text += fmt.Sprintf(", %d of them not run", b.hidden)
	}
	if p.Status != phased.StatusSucceeded && p.Status != phased.StatusRunning {
		text += ", " + string(p.Status)
	}
	return text
}

// bar draws one bar, as a link to its hook.
func (d *drawing) bar(b *band, one bar) {
	d.kinds[one.kind] = true
	class, _ := one.kind.names()
	top := b.y + headHigh + float64(one.lane)*b.laneHigh
	gap := min(3, b.laneHigh/5)
	from, to := d.at(one.from), d.at(one.to)
	if one.kind >= barTry && !b.own { // in a row of many the greater ones are seen
		gap = 0
	}
	y, high := top+gap, b.laneHigh-2*gap
	text := d.v.about(b, one)
	address := ""
	if d.link != nil {
		address = d.link(d.v.Run.Phases[b.phase].Phase, d.v.Rows[b.phase][one.hook].Name)
	}
	if one.many > 1 && address != "" {
		address = "#phase-" + strconv.Itoa(b.phase)
	}
	if address != "" {
		d.open("a", "href", address, "tabindex", "-1", "aria-label", text)
	}
	switch one.kind {
	case barPause, barWait:
		d.open("line", "class", "bar "+class, "x1", percent(from), "x2", percent(to), "y1", number(y+high/2), "y2", number(y+high/2))
		d.element("title", text)
		d.close("line")
	default:
		d.open("rect", "class", "bar "+class, "x", percent(from), "y", number(y), "width", percent(to-from), "height", number(high))
		d.element("title", text)
		d.close("rect")
		if one.critical && len(d.v.Critical) < len(d.v.All) && (b.own || to-from > .6) {
			d.open("rect", "class", "critical", "x", percent(from), "y", number(y+high), "width", percent(to-from), "height", number(min(3, max(1, gap))))
			d.close("rect")
		}
		if mark := barMark(one.kind); mark != "" && b.laneHigh >= laneHigh && !b.own && to-from > 1.2 {
			d.element("text", mark, "class", "mark "+class, "x", percent(min(from, 98)), "y", number(y+high-1))
		}
	}
	if address != "" {
		d.close("a")
	}
}

// barMark tells a kind of bar without its colour.
func barMark(k kind) string {
	switch k {
	case barFailed, barIgnored:
		return "✗"
	case barTry:
		return "↻"
	case barSlow:
		return "!"
	case barStopped:
		return "■"
	}
	return ""
}

// labels names the hooks of a phase that have a row each.
func (d *drawing) labels(b *band) {
	for j, row := range d.v.Rows[b.phase] {
		y := b.y + headHigh + float64(j)*rowHigh + rowHigh - 6
		text, class := d.v.label(b.phase, row)
		var from, to float64
		if len(row.Attempts) > 0 {
			from, to = d.at(row.began(d.v.Run)), d.at(row.end(d.v.Run, d.v.Now))
		} else {
			from = d.at(max(0, d.v.Run.Phases[b.phase].Began.Sub(d.v.Run.Began)))
			to = from
		}
		solid := from // where the bar begins that a text in it would be on
		if n := len(row.Attempts); n > 1 {
			solid = d.at(max(0, row.Attempts[n-1].Began.Sub(d.v.Run.Began)))
		}
		d.label(text, class, from, solid, to, y)
	}
}

// What a letter of a label takes, and what one percent of the width is, on a page of
// common width and on a narrow one, in pixels.
const (
	letterWide    = 6.7
	perCentWide   = 7
	perCentNarrow = 3.3
)

// label writes a text behind a bar, before it, or in it, wherever there is most
// room; on a narrow page as much of it as has room there.
func (d *drawing) label(text, class string, from, solid, to, y float64) {
	x, dx, anchor, room := to, "6", "", 100-to
	need := float64(len([]rune(text))+2) * letterWide / perCentWide
	switch {
	case room >= need:
	case from >= need || from > room && from >= to-from:
		x, dx, anchor, room = from, "-6", "end", from
	case solid-from > max(room, to-solid): // over the attempts before the last, which are light
		x, room = from, solid-from
	case to-solid > room:
		x, room = solid, 100-solid
		class += " inside"
	}
	narrow := shorten(text, max(6, int(room*perCentNarrow/letterWide)))
	if narrow == text {
		d.element("text", text, "class", "label "+class, "x", percent(x), "dx", dx, "y", number(y), "text-anchor", anchor)
		return
	}
	wide := shorten(text, max(6, int(room*perCentWide/letterWide)))
	d.element("text", wide, "class", "label wide "+class, "x", percent(x), "dx", dx, "y", number(y), "text-anchor", anchor)
	d.element("text", narrow, "class", "label narrow "+class, "x", percent(x), "dx", dx, "y", number(y), "text-anchor", anchor, "aria-hidden", "true")
}

// label tells a hook in a few words: what it is called, how long it took, and how it
// went where that is not well.
func (v *view) label(phase int, row hookRow) (text, class string) {
	text = report.Name(row.Name)
	last := row.Last()
	switch {
	case last == nil && v.Run.Phases[phase].Status == phased.StatusRunning:
		return text + "  not yet", "quiet"
	case last == nil:
		return text + "  not run", "quiet"
	case last.Status == phased.StatusSkipped:
		return text + "  skipped", "quiet"
	}
	k := kindOf(last, false)
	class, _ = k.names()
	if mark := barMark(k); mark != "" {
		text = mark + " " + text
	}
	switch {
	case last.Exit != nil && !last.Exit.OK():
		text += "  " + report.ExitText(*last.Exit) + ","
	case last.Status == phased.StatusRunning:
		text += "  running"
	case last.Exit == nil:
		text += "  interrupted"
	}
	if last.Exit != nil {
		text += "  " + report.Took(row.end(v.Run, v.Now)-row.began(v.Run))
	}
	if n := len(row.Attempts); n > 1 {
		text += fmt.Sprintf(", %d attempts", n)
	}
	if last.Slow != nil {
		text += ", slower than usual"
	}
	return text, class
}

// legend says what the bars mean that are there.
func (d *drawing) legend() {
	var all []kind
	for k := range d.kinds {
		all = append(all, k)
	}
	slices.Sort(all)
	critical := len(d.v.Critical) < len(d.v.All) && len(d.v.Critical) > 0
	if len(all) < 2 && !critical {
		return
	}
	d.open("ul", "class", "legend", "aria-label", "What the bars mean")
	for _, k := range all {
		class, name := k.names()
		d.open("li")
		d.open("svg", "width", "22", "height", "12", "aria-hidden", "true")
		if k == barPause || k == barWait {
			d.open("line", "class", "bar "+class, "x1", "0", "x2", "22", "y1", "6", "y2", "6")
			d.close("line")
		} else {
			d.open("rect", "class", "bar "+class, "x", "1", "y", "1", "width", "20", "height", "10")
			d.close("rect")
		}
		d.close("svg")
		if mark := barMark(k); mark != "" {
			name = mark + " " + name
		}
		d.text(" " + name)
		d.close("li")
	}
	if critical {
		d.open("li")
		d.open("svg", "width", "22", "height", "12", "aria-hidden", "true")
		d.open("rect", "class", "critical", "x", "0", "y", "8", "width", "22", "height", "3")
		d.close("rect", "svg")
		d.text(" critical path: what made the run as long as it is")
		d.close("li")
	}
	d.close("ul")
}
