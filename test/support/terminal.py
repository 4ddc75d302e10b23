# A terminal of a given size with a program in it: columns, rows, the program. What the program writes comes out here; a line on
# standard input resizes ("size COLUMNS ROWS"), types ("type HEX") or sends a signal ("signal NUMBER"). Ends with the program, with its code; the end of
# standard input ends it.
import fcntl, os, pty, select, signal, struct, sys, termios


def resize(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


columns, rows, argv = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
pid, master = pty.fork()
if pid == 0:
    resize(0, columns, rows)
    os.execvp(argv[0], argv)
watched, pending = [master, 0], b""
while True:
    ready, _, _ = select.select(watched, [], [])
    if master in ready:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
    if 0 in ready:
        data = os.read(0, 4096)
        if not data:
            watched = [master]
            os.kill(pid, signal.SIGKILL)
        pending += data
        *lines, pending = pending.split(b"\n")
        for line in lines:
            word, *rest = line.decode().split()
            if word == "size":
                resize(master, int(rest[0]), int(rest[1]))
            elif word == "type":
                os.write(master, bytes.fromhex(rest[0]))
            elif word == "signal":
                os.kill(pid, int(rest[0]))
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
