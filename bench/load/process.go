package main

// The CPU time and memory of the server's process and its children, from /proc.

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

type usage struct {
	cpuMs  float64
	rssKiB float64
}

func usageOf(pid int) (u usage) {
	for _, one := range family(pid) {
		// Nanoseconds on a CPU, of each thread: finer than the ticks of /proc/PID/stat.
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", one))
		for _, task := range tasks {
			text, _ := os.ReadFile(task)
			if fields := strings.Fields(string(text)); len(fields) > 0 {
				ns, _ := strconv.ParseFloat(fields[0], 64)
				u.cpuMs += ns / 1e6
			}
		}
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", one))
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				u.rssKiB += kib
			}
		}
	}
	return u
}

func family(pid int) []int {
	all := []int{pid}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for _, child := range strings.Fields(string(text)) {
			if id, err := strconv.Atoi(child); err == nil {
				all = append(all, family(id)...)
			}
		}
	}
	return all
}

func ownCPUMs() float64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e6
}
