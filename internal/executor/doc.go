// Package executor runs hooks. Process runs each hook as a child process.
//
// It owns how a hook is started, what becomes of its output, how it is ended
// and what counts as its process tree. It must not decide whether a failure
// matters, write the record or print anything but a hook's own output: what it
// learns goes to the phased.Sink of the Setup, and into the Result.
//
// What Process promises:
//
//   - A hook's own process has ended, and was waited for, when Exec returns.
//     Exec waits for no other process, unless it ended the hook itself.
//   - At a time limit or a stop it ends the whole tree of the hook: what is in
//     its cgroup, or descends from its reaper, where the hook has one (see
//     Containment); its descendants, its process group and session, and what
//     carries its marker. What earlier hooks left behind is spared, and so are hooks
//     that run beside it, with all that is theirs. Without a Containment, a process
//     that has left all four (a daemon that has cleared its environment) is not found.
//   - Several hooks of a phase may run at once, each on a goroutine of its own. A time
//     limit or a stop of one, its output and its result are that hook's alone; Kill
//     of the Setup ends all of them. Output that is copied (Tee) is never torn inside
//     of what a hook wrote at one stroke, up to 4096 bytes.
//   - No descriptor of phased reaches a hook but 0, 1 and 2 and those that
//     phased was itself given (see CloseOthers).
//   - The umask is a property of the whole process. Enter sets it, Leave and
//     Close put it back: files that phased makes during a phase need a mode
//     that fits both.
//
// It needs Linux 5.4 or newer, for pidfds that can be polled.
package executor
