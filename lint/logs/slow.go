package logs

import "bytes"

// maxFrames is how many frames of a slow log's record are kept, innermost first.
const maxFrames = 12

// startSlow begins a slow log's record: "[date]  [pool www] pid 3669".
func (r *reader) startSlow(line, rest []byte, at int64) {
	r.endSlow()
	pool, pid, ok := bytes.Cut(rest, []byte("] pid "))
	if !ok {
		return
	}
	r.slow = &Event{
		Log: SlowLog, At: at, Message: slowRecord, Pool: string(pool), PID: number(bytes.TrimSpace(pid)),
		Line: r.source.Lines, Text: clip(line),
	}
}

// slowLine takes a record's next line, and says whether it belonged to it.
func (r *reader) slowLine(line []byte) bool {
	if script, ok := bytes.CutPrefix(line, []byte("script_filename = ")); ok {
		r.slow.Script = clip(script)
		return true
	}
	// "[0x00007f705e6150c0] func() /file.php:1"
	if hasPrefix(line, "[0x") {
		if _, frame, ok := bytes.Cut(line, []byte("] ")); ok && len(r.slow.Frames) < maxFrames {
			r.slow.Frames = append(r.slow.Frames, clip(frame))
		}
		return true
	}
	r.endSlow()
	return false
}

func (r *reader) endSlow() {
	if r.slow == nil {
		return
	}
	e := r.slow
	r.slow = nil
	r.emit(e, nil)
}
